#!/bin/sh
# Builds the programs of this clone in two folders, and fails unless each has the same
# bits in both. With FRESH=1 the second build compiles everything again, the standard
# library included, which takes minutes.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The commit, with what is changed and not committed.
tree=$(git -c user.name=make -c user.email=make@localhost stash create)

# build builds in a new folder. What it calls itself is the caller's.
build() {
	mkdir -p "$1"
	git archive "${tree:-HEAD}" | tar -x -C "$1" -f -
	make -C "$1" --no-print-directory build
}

export VERSION COMMIT COMMIT_DATE
build "$work/first"
if [ -n "${FRESH:-}" ]; then
	export GOCACHE="$work/cache"
fi
build "$work/second/in/another folder"

# macOS has shasum and not always sha256sum.
digest() {
	if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi
}

for program in wsticket wsticket-bench; do
	cmp "$work/first/bin/$program" "$work/second/in/another folder/bin/$program"
	echo "$program: the same in two folders, SHA-256 $(digest <"$work/first/bin/$program" | cut -d ' ' -f 1)"
done
