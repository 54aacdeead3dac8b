#!/bin/sh
# Fuzzes the board's side of the link for so many seconds (60), after all saved inputs.
#   tests/fuzz/link_fuzz.sh [board_bytes|board_frames|any] [SECONDS] [SEED] [FOLDER FOR NEW INPUTS]
# With any, the inputs themselves say whether they are raw bytes or frames. Seed 0 draws one.
# A crash leaves its input in link_regressions/, where it is tried first for ever after.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export VIGIL_FUZZ="${1:-any}"
seconds=${2:-60}
seed=${3:-0}
work=${4:-$(mktemp -d)}
lib=$here/../../firmware/lib
mkdir -p "$work/corpus" "$here/link_regressions"
clang++ -std=c++17 -g -O2 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -Wall -Wextra -Werror -I"$lib/link" -I"$lib/sampling" -I"$lib/signal" -I"$lib/span" \
    "$here/link_fuzz.cpp" "$lib"/link/*.cpp "$lib"/sampling/*.cpp "$lib/signal/segmenter.cpp" -o "$work/link_fuzz"
"$work/link_fuzz" -runs=0 "$here/link_regressions" 2>/dev/null
exec "$work/link_fuzz" -max_total_time="$seconds" -seed="$seed" -max_len=2048 -print_final_stats=1 \
    -artifact_prefix="$here/link_regressions/" "$work/corpus" "$here/link_corpus"
