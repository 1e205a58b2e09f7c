#!/usr/bin/env bash
# run.sh quick|all|NAME... [DIRECTORY]: searches the model's configurations to the end, and shows that each variant fails.
# A line of cases.txt is "correct|live|broken|reach NAME FLAGS...". A correct or live one must be searched completely and
# without an error; a broken one (BREAK_NAME) and a claim that something cannot happen (REACH_NAME) must end in one.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
what=${1:-all}
directory=${2:-$(mktemp -d)}
spin=${SPIN:-$(command -v spin)}
cc=${CC:-$(command -v cc)}
if ! command -v "$spin" > /dev/null || ! command -v "$cc" > /dev/null; then
    echo "SKIPPED: the protocol's model needs spin (Debian package spin) and a C compiler"
    exit 77
fi
mkdir -p "$directory"
cd "$directory" || exit 1
cp "$here/splice.pml" .

# search KIND FLAGS...: leaves the verifier's report in ./report.
search() {
    local kind=$1 compile=(-O2 -DSAFETY) run=()
    shift
    if [[ $kind == *live ]]; then
        compile=(-O2 -DNFAIR=3)
        run=(-a -f)
        set -- -DLIVENESS "$@"
    fi
    if [[ $kind == broken* || $kind == reach ]]; then
        compile[0]=-O0 # Soon over: compiling would take longer than searching.
    fi
    rm -f pan report ./*.trail
    "$spin" "-P$cc -E -x c" -a "$@" splice.pml > spin.log 2>&1 || { cat spin.log; return 1; }
    "$cc" -w "${compile[@]}" -DCOLLAPSE -DMEMLIM=3500 -o pan pan.c || return 1
    ./pan -m1500000 "${run[@]}" > report 2>&1
}

figure() { sed -nE "s/$1/\\1/p" report | head -n 1; }

# What the counterexample in ./report shows.
verdict() {
    case $(grep '^pan:1:' report) in
    *'got[d]'*'accepted[d]'* | *'got[0]'*'accepted[0]'*) echo "bytes are lost" ;;
    *'==got[d]'* | *'got[d]+'*) echo "out of order" ;;
    *'invalid end state'*) echo "somebody sleeps for ever" ;;
    *'acceptance cycle'*) echo "goes round for ever" ;;
    *'dead['*'gone['*) echo "a live peer is taken for dead" ;;
    *) grep '^pan:1:' report | sed 's/^pan:1: assertion violated *//; s/ (at depth.*//' | cut -c 1-60 ;;
    esac
}

configurations=0 complete=0 states_total=0 errors_total=0 variants=0 found=0 wrong=0
format='%-11s %-28s %10s %11s %7s  %s\n'
# shellcheck disable=SC2059
printf "$format" "" name states transitions depth result
while read -r kind name flags; do
    case $kind in '' | '#'*) continue ;; esac
    case $what in
    all) ;;
    quick) [[ $name == from-birth ]] || continue ;;
    *) [[ $name == "$what" ]] || continue ;;
    esac
    case $kind in
    broken*) extra=-DBREAK_$name ;;
    reach) extra=-DREACH_$name ;;
    *) extra= ;;
    esac
    # shellcheck disable=SC2086
    search "$kind" $flags $extra || { echo "$name: the model does not compile"; exit 1; }
    errors=$(figure '.*errors: ([0-9]+).*')
    states=$(figure '^ *([0-9]+) states, stored.*')
    transitions=$(figure '^ *([0-9.e+]+) transitions.*')
    at=$(figure '^pan:1: .*\(at depth ([0-9]+)\)$')
    incomplete=$(grep -cE 'max search depth too small|Search not completed|MEMLIM|out of memory|aborting|VECTORSZ' report)
    case $kind in
    correct | live)
        configurations=$((configurations + 1))
        states_total=$((states_total + ${states:-0}))
        errors_total=$((errors_total + ${errors:-1}))
        if [[ $errors == 0 && $incomplete == 0 ]]; then
            complete=$((complete + 1)) result="complete, 0 errors"
        else
            result="WRONG: ${errors:-no} errors, $(grep -E '^pan:1:|too small|MEMLIM' report | head -n 1)"
        fi
        at=$(figure '.*depth reached ([0-9]+).*')
        ;;
    *)
        variants=$((variants + 1))
        if [[ ${errors:-0} -ge 1 && -n $at ]]; then
            found=$((found + 1))
            [[ $kind == reach ]] && result="reached" || result="found: $(verdict)"
        else
            result="NOT FOUND"
        fi
        ;;
    esac
    [[ $result == WRONG* || $result == NOT* ]] && wrong=$((wrong + 1))
    # shellcheck disable=SC2059
    printf "$format" "$kind" "$name" "${states:--}" "${transitions:--}" "${at:--}" "$result"
done < "$here/cases.txt"

echo
echo "protocol: $complete of $configurations configurations complete, $states_total states, $errors_total errors;" \
    "$found of $variants variants fail as they must"
[[ $wrong == 0 && $configurations -gt 0 ]]
