#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the files that are checked in beside it. Needs ImageMagick and libtiff-tools, and only when they change.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p files/archive hostile

# Good files, written by libtiff.
convert -seed 1 -size 64x48 gradient:black-white -depth 8 -compress none files/gradient.tif
convert -size 70x46 rose: -depth 8 -compress none files/rose.tif
convert -size 70x46 rose: -depth 8 -compress rle files/rose-packbits.tif
convert -size 70x46 rose: -depth 8 -compress lzw files/rose-lzw.tif
convert -size 70x46 rose: -depth 8 -compress zip files/rose-deflate.tif
convert -size 70x46 rose: -depth 8 -define tiff:endian=msb -compress none files/rose-big-endian.tif
convert -size 70x46 rose: -colorspace gray -depth 16 -compress none files/archive/rose-16-bit.tif
convert -size 120x40 xc:white -fill black -draw 'circle 30,20 30,4 rectangle 60,8 110,32' -monochrome -compress group4 files/archive/drawing.tif
convert -size 32x32 -set comment "three pages" xc:gray20 xc:gray50 xc:gray80 -depth 8 -compress rle files/archive/three-pages.tif

# word16 NUMBER, word32 NUMBER: little-endian bytes.
word16() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))"; }
word32() { word16 $(($1 & 65535)); word16 $(($1 >> 16 & 65535)); }
# field TAG TYPE COUNT VALUE
field() { word16 "$1"; word16 "$2"; word32 "$3"; word32 "$4"; }
header() { printf 'II'; word16 42; word32 "$1"; }

# Its first directory is said to be 3.75 GiB behind the start: the parser reads there.
header 0xf0000000 >hostile/wild-offset.tif
# Old-style JPEG, which the parser answers with exit(3).
{ header 8; word16 3; field 256 3 1 16; field 257 3 1 16; field 259 3 1 6; word32 0; } >hostile/old-jpeg.tif
# Not a TIFF file.
printf 'GIF89a, or so it says' >hostile/not-a-tiff.tif

# A strip of PackBits "no operation" codes: the parser never gets past the first one.
{ header 8; word16 7; field 256 3 1 8; field 257 3 1 8; field 258 3 1 8; field 259 3 1 32773; field 273 4 1 98
  field 277 3 1 1; field 279 4 1 4; word32 0; printf '\x80\x80\x80\x80'; } >hostile/endless-packbits.tif
# A page whose successor is itself, with a description that claims 256 MiB: more than the survey allows at once. Where memory
# is only sampled, the parser goes on to collect pages until somebody looks.
{ header 8; word16 3; field 256 3 1 16; field 257 3 1 16; field 270 2 0x10000000 50; word32 8; printf 'again\0'; } \
  >hostile/endless-pages.tif
