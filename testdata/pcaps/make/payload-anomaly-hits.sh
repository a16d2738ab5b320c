#!/usr/bin/env bash
# Captures of a host whose payloads are not those of its profile.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/visits.sh"

hit_tls_in_tls() { # the same pages by TLS inside TLS, to another server at the same port
    net_up; api_up web; cover_up rly "$WEB:443"
    record; visits 280 --connect-to "web.example.test:443:127.0.0.1:4443"; save; cut_off
}

hit_socks_in_tls() { # the same pages through SOCKS inside TLS
    net_up; api_up web; spawn rly microsocks -i 127.0.0.1 -p 1080; up rly 1080; cover_up rly 127.0.0.1:1080
    record; visits 280 --socks5-hostname 127.0.0.1:4443; save; cut_off
}

scenarios "$@"
