#!/usr/bin/env bash
# killed.sh SENDER RECEIVER: a file arrives whole; and whichever of the two is killed on the way, the other says
# so and exits with 1.
set -uo pipefail
sender=$1 receiver=$2
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT
trap 'exit 1' TERM
failed=0

expect() { # expect WHAT FOUND WANTED
    if [ "$2" != "$3" ]; then
        echo "$1: $2 instead of $3"
        failed=1
    fi
}

head -c 20000003 /dev/urandom > "$work/file"
"$sender" "ferrule-$$-whole" "$work/file" 2> "$work/said" & 
"$receiver" "ferrule-$$-whole" "$work/copy"
expect "the receiver's exit code" $? 0
wait $!
expect "the sender's exit code" $? 0
cmp "$work/file" "$work/copy" || failed=1

# Long enough to be interrupted anywhere, and costs nothing: a hole.
truncate -s 64G "$work/endless"
for signal in KILL INT; do
    for victim in sender receiver; do
        name=ferrule-$$-$victim-$signal
        rm -f "$work/copy"
        mkfifo "$work/copy"
        # Bash makes background jobs ignore SIGINT; a program of its own does not.
        env --default-signal=INT "$sender" "$name" "$work/endless" 2> "$work/sender" &
        sending=$!
        env --default-signal=INT "$receiver" "$name" "$work/copy" 2> "$work/receiver" &
        receiving=$!
        exec {reading}< "$work/copy"
        head -c 1000000 <&"$reading" > /dev/null # They are at it.
        if [ $victim = sender ]; then
            kill -$signal $sending
            cat <&"$reading" > /dev/null
            wait $receiving 2> /dev/null
            expect "the receiver's exit code after SIG$signal of the sender" $? 1
            expect "what the receiver said" "$(sed 's/.*: //' "$work/receiver")" "the sender is gone"
        else
            kill -$signal $receiving
            wait $sending 2> /dev/null
            expect "the sender's exit code after SIG$signal of the receiver" $? 1
            expect "what the sender said" "$(sed 's/.*: //' "$work/sender")" "the receiver is gone"
        fi
        exec {reading}<&-
        wait 2> /dev/null
    done
done
exit $failed
