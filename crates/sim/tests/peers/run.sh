#!/bin/sh
# Runs other people's clients against the simulator and against our fixtures. See README.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../../testing/peers.sh"

cd "$here/../../../.."
program=${FANPIAO_SERVER:-}
if [ -z "$program" ]; then
    # What cargo says about the build names the program, wherever the target folder is.
    program=$(cargo build --quiet --package fanpiao --message-format=json | sed -n 's/.*"executable":"\([^"]*\/fanpiao\)".*/\1/p' | tail -n 1)
fi
"$program" sim --at 127.0.0.1:0 >"$folder/said" &
world=$!
tries=0
until base=$(sed -n 's/.* listens on \(http:[^ ]*\)$/\1/p' "$folder/said") && [ -n "$base" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || { echo "the simulator does not start" >&2; exit 1; }
    sleep 0.1
done

keys=$here/../../keys
vectors=$here/../../../wechat/tests/vectors.json
python=$(python_with_requirements)
packages=$(node_with_packages)
cp "$here/client.mjs" "$packages/"
"$python" "$here/client.py" "$base" "$keys" "$vectors"
node "$packages/client.mjs" "$base" "$keys" "$vectors"
