#!/bin/sh
# Prints the newest version (MAJOR.MINOR) that a folder has a description of, among those with the
# major version of the headers: others are another library, with another SONAME. Nothing: none yet.
# usage: newest.sh INCLUDE LISTS
major=$(sed -n 's/^#define PERP_VERSION_MAJOR //p' "$1/perpcore/types.h")
ls "$2" | sed -n "s/^symbols-\($major\.[0-9]*\)\.txt\$/\1/p" | sort -V | tail -n 1
