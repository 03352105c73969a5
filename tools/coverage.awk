# Reads a Go coverage profile, prints the share of statements that each package's
# own tests run, and fails where a package named in `held` stays under `least`
# percent or is missing.
#
#   awk -v least=90 -v held='ticket store' -f tools/coverage.awk cover.out
#
# A line of the profile: wsticket/ticket/token.go:12.34,15.2 3 1
# (file, from, to, number of statements, how often they ran).

NR == 1 { next } # mode: atomic

{
	block = $1
	package = block
	sub("/[^/]*$", "", package)
	sub("^[^/]*/", "", package)
	if (!(block in size)) {
		size[block] = $2
		all[package] += $2
	}
	if ($3 > 0 && !(block in ran)) {
		ran[block] = 1
		run[package] += $2
	}
}

END {
	for (package in all) {
		printf "coverage %5.1f%%  %s\n", share(package), package | "sort -k3"
	}
	close("sort -k3")

	count = split(held, names, " ")
	for (i = 1; i <= count; i++) {
		if (share(names[i]) < least) {
			printf "coverage: %s has %.1f%%, and has to have %s%%\n", names[i], share(names[i]), least
			failed = 1
		}
	}
	exit failed
}

function share(package) {
	return all[package] ? 100 * run[package] / all[package] : 0
}
