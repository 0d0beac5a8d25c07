// Package terminal lets a person type lines at a terminal while others write to it. What is typed
// or pasted is what ReadLine returns, byte for byte.
//
// It is its own because no kept library does that within the size of the client's image: bubbletea
// alone makes it 9 MB, liner knows neither pastes nor output that comes while somebody types, and
// the one of golang.org/x/term counts a wide character as one column, leaves tabs out, and ends
// lines at 4,096 characters. What is hard about it, how wide a character is, is a library's.
package terminal
