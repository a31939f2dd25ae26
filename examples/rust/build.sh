#!/bin/sh
# Builds the Rust sample: bindgen makes the declarations from the headers, rustc the program, which
# is linked to the shared library.
# usage: build.sh INCLUDE LIBDIR OUT   (folders; RUSTC=rustc; the program is OUT/sample)
set -e
here=$(cd "$(dirname "$0")" && pwd)
include=$1
libdir=$(cd "$2" && pwd)
mkdir -p "$3"
OUT_DIR=$(cd "$3" && pwd)
export OUT_DIR # perpcore.rs includes OUT_DIR/bindings.rs, as it would under cargo

bindgen "$here/bindings.h" -o "$OUT_DIR/bindings.rs" --no-prepend-enum-name \
    --allowlist-function 'perp_.*' --allowlist-type 'perp_.*' --allowlist-var 'PERP_.*' \
    -- -I"$include"
"${RUSTC:-rustc}" --edition 2021 -D warnings "$here/src/main.rs" -o "$OUT_DIR/sample" \
    -L "$libdir" -l perpcore -C link-arg=-Wl,-rpath,"$libdir"
