# What the scripts of crates/*/tests/peers have in common: each reads it first, after setting `here`.
#
# With FANPIAO_PEERS_FOLDER, which `cargo xtask` sets to a place in the target folder, what was installed is found there the next
# time; without it everything goes into a temporary folder.

folder=$(mktemp -d)
installed=${FANPIAO_PEERS_FOLDER:-$folder/installed}

# The process that a script has running; it ends with the script, however that ends.
world=
finish() {
    if [ -n "$world" ]; then
        kill -INT "$world" 2>/dev/null || true
        wait "$world" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

# The Python of an environment that holds what requirements.txt names.
python_with_requirements() {
    venv=$installed/venv
    if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
        rm -rf "$venv"
        if ! python3 -m venv "$venv" >"$folder/venv.log" 2>&1; then
            cat "$folder/venv.log" >&2
            echo "Python 3 with its venv module is needed; get it with \`cargo xtask setup --install python\`" >&2
            return 1
        fi
        "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 5 --requirement "$here/requirements.txt" >&2
        # Last, so that what was broken off is begun anew.
        cp "$here/requirements.txt" "$venv/"
    fi
    echo "$venv/bin/python"
}

# A folder beside whose node_modules a script of ours can run.
node_with_packages() {
    packages=$installed/node
    mkdir -p "$packages"
    if ! cmp -s "$here/package-lock.json" "$packages/installed.json"; then
        if ! command -v npm >/dev/null; then
            echo "Node.js with npm is needed; get it with \`cargo xtask setup --install node\`" >&2
            return 1
        fi
        cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$packages/"
        (cd "$packages" && npm ci --silent --ignore-scripts --no-audit --no-fund --fetch-retries 5 >&2)
        cp "$here/package-lock.json" "$packages/installed.json"
    fi
    echo "$packages"
}
