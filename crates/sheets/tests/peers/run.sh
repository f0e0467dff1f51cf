#!/bin/sh
# Reads a workbook of ours with other people's readers. See README.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../../testing/peers.sh"

cd "$here/../.."
cargo run --quiet --example every_cell -- "$folder/every_cell.xlsx"
python=$(python_with_requirements)
"$python" "$here/read.py" "$folder/every_cell.xlsx"

if command -v soffice >/dev/null; then
    # Every sheet into a file of its own: comma, double quote, UTF-8, from the first line, as shown, all sheets.
    soffice --headless "-env:UserInstallation=file://$folder/office" \
        --convert-to 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1' --outdir "$folder" \
        "$folder/every_cell.xlsx" >/dev/null 2>&1
    "$python" "$here/shown.py" "$folder"
else
    echo "LibreOffice is not here and was left out"
fi
