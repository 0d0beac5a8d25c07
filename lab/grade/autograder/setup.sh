#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image. Made by lab grade --gradescope-zip.
set -euo pipefail

# Submissions run as this user, who can write nothing of the autograder.
id {{.User}} >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin {{.User}}
chmod 755 /autograder/source/lab
{{- if .Packages}}

# What submissions are built and run with.
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends{{range .Packages}} {{.}}{{end}}
rm -rf /var/lib/apt/lists/*
{{- end}}
