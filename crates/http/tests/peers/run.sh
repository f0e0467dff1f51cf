#!/bin/sh
# Has schemathesis send what the server's own description allows, and what it does not. See README.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../../testing/peers.sh"

examples=${FANPIAO_FUZZ_EXAMPLES:-2}
seed=${FANPIAO_FUZZ_SEED:-1}
phases=${FANPIAO_FUZZ_PHASES:-fuzzing}

cd "$here/../../../.."
if [ -z "${FANPIAO_SERVER:-}" ]; then
    # What cargo says about the build names the program, wherever the target folder is.
    FANPIAO_SERVER=$(cargo build --quiet --package fanpiao --message-format=json | sed -n 's/.*"executable":"\([^"]*\/fanpiao\)".*/\1/p' | tail -n 1)
fi
export FANPIAO_SERVER FANPIAO_DATABASE__URL="sqlite:$folder/demo/fanpiao.db" FANPIAO_LOG__FILTER=error
# One address and one member ask everything.
export FANPIAO_LIMITS__ADDRESS_BURST=0 FANPIAO_LIMITS__MEMBER_BURST=0
export FANPIAO_LIMITS__ADDRESS_FAILURES_BURST=0 FANPIAO_LIMITS__ACCOUNT_FAILURES_BURST=0
export FANPIAO_FUZZ_SEED="$seed" SCHEMATHESIS_HOOKS="$here/hooks.py" PYTHONDONTWRITEBYTECODE=1
python=$(python_with_requirements)

"$FANPIAO_SERVER" demo --listen 127.0.0.1:0 --folder "$folder/demo" >"$folder/said" 2>&1 &
world=$!
tries=0
until FANPIAO_URL=$(sed -n 's/.* listens on \(http:[^ ]*\)$/\1/p' "$folder/said") && [ -n "$FANPIAO_URL" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || { cat "$folder/said" >&2; echo "the server does not start" >&2; exit 1; }
    sleep 0.1
done
# Whoever adds an administrator from the command line opens the same house, with the key that the demo has made for itself.
export FANPIAO_URL FANPIAO_SECURITY__DATA_KEYS_FILE="$folder/demo/data-keys.txt"

# schemathesis keeps what it found where it runs.
cd "$folder"
failed=
for somebody in administrator member nobody; do
    echo "requests by $somebody: $examples an endpoint, seed $seed, phases $phases"
    FANPIAO_FUZZ_AS=$somebody "$python" -m schemathesis.cli --config-file "$here/schemathesis.toml" run \
        "$FANPIAO_URL/openapi.json" --no-color --phases "$phases" --max-examples "$examples" --seed "$seed" || failed="$failed $somebody"
done

# It is there to the last, and ends as it should.
kill -INT "$world"
wait "$world" || failed="$failed stopping"
world=
# The server answers for a panic; the one who caused it may have been told something else.
if grep -n -A 3 'panicked at' "$folder/said" >&2; then
    failed="$failed panic"
fi
"$FANPIAO_SERVER" check >"$folder/check" || { cat "$folder/check" >&2; failed="$failed books"; }
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
