# What the peers' setup scripts share; sourced. The folder is the script's one argument.
set -euo pipefail
[[ $# -eq 1 ]] || { echo "usage: $0 FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
say() { printf '\033[1m[%s]\033[0m %s\n' "$(basename "$here")" "$*"; }
fail() { printf '[%s] %s\n' "$(basename "$here")" "$*" >&2; exit 1; }

# A virtual environment of the peer's own from its pinned list.
venv() {
    local python=${PYTHON:-python3}
    [[ -x $folder/venv/bin/python ]] || "$python" -m venv "$folder/venv"
    say "packages of $(basename "$here")/requirements.txt into $folder/venv"
    "$folder/venv/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$here/requirements.txt"
}

# Debian packages unpacked into the folder: nothing of the machine's own is changed, no daemon is started.
unpacked() {
    local package
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "needs Debian's apt-get for: $*"
    mkdir -p "$folder/debs" "$folder/debian"
    for package in "$@"; do
        say "Debian package $package"
        (cd "$folder/debs" && { apt-get download -qq "$package" || { apt-get update -qq && apt-get download -qq "$package"; }; }) \
            2> >(grep -v unsandboxed >&2)
    done
    for package in "$folder"/debs/*.deb; do dpkg-deb --extract "$package" "$folder/debian"; done
}

# The machine's PostgreSQL, else Debian's: its many libraries make unpacking no way.
postgresql() {
    local bin
    for bin in /usr/lib/postgresql/*/bin; do
        [[ -x $bin/initdb ]] || continue
        ln -sfn "$bin" "$folder/postgresql"
        return
    done
    [[ $(id -u) == 0 && $# -eq 0 ]] || fail "needs PostgreSQL: apt-get install postgresql"
    say "apt-get install postgresql"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql
    postgresql again
}

# Says that all is there: what the measurement asks for.
done_() { "$folder/venv/bin/python" -m pip --disable-pip-version-check freeze >"$folder/ready"; say "set up in $folder"; }
