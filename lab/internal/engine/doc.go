// Package engine is what everything shares that makes things on a Docker engine: which engine that
// is, by what a killed program's leftovers are told from a living one's things, and their removal.
package engine
