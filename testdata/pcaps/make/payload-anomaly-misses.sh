#!/usr/bin/env bash
# Captures of hosts that do what their profile says, or change together.  Usage: [OUTPUT-DIR [SCENARIO...]]
# The profile is that of ordinary:  hopscope learn payload-anomaly/miss-ordinary.pcap
. "$(dirname "$0")/visits.sh"

miss_ordinary() { # what was learned
    net_up; api_up web
    record; visits 200; BY=rl2 visits 200; save; cut_off
}

miss_another_day() { # the same hosts and the same pages
    net_up; api_up web
    record; visits 220; BY=rl2 visits 180; save; cut_off
}

miss_update() { # both hosts send a header more
    net_up; api_up web
    record; visits 200 -H "X-Session: $(head -c 150 /dev/urandom | base64 -w0)"
    BY=rl2 visits 200 -H "X-Session: $(head -c 150 /dev/urandom | base64 -w0)"; save; cut_off
}

scenarios "$@"
