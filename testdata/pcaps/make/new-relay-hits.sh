#!/usr/bin/env bash
# Captures of hosts that never relayed and then do.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/days.sh"
DETECTOR=new-relay

hit_web_server_turns_socks() { # rly serves pages; the next day microsocks stands on it, too
    net_up; site_up web; site_up rly; microsocks_up -i $RLY -p 1080
    record; pages $RLY; save; earlier $DAY
    record; pages $RLY; curl_ cli --socks5-hostname $RLY:1080 'http://web.example.test/{300,3000}'; save; both
    has '1080 [0-9]+ 05000001'
}

hit_ssh_server_forwards() { # people log in to rly; the next day one reaches web through socat on it
    net_up; targets_up web; sshd_up rly; socat_up rly $WEB
    record; on cli timeout 10 "${SSH[@]}" root@$RLY 'id; uname -a' >/dev/null; save; earlier $DAY
    record; inner $RLY; save; both; echoed_all
}

hit_workstation_calls_out() { # cli looks at pages; the next day it connects out and serves SOCKS there
    net_up; site_up web; spawn cli microsocks -i 127.0.0.1 -p 1080; up cli 1080
    record; pages $WEB; save; earlier $DAY
    record; pages $WEB
    spawn out socat TCP-LISTEN:8443,reuseaddr TCP-LISTEN:1080,bind=127.0.0.1,reuseaddr; up out 8443
    spawn cli socat TCP:$OUT:8443 TCP:127.0.0.1:1080; up out 1080
    curl_ out --socks5 127.0.0.1:1080 http://$WEB/300
    save; both; has '8443 [0-9]+ 050100010*c00002500050$'
}

hit_proxy_on_a_known_port() { # what served pages at 8080 is a proxy there the next day
    net_up; site_up web; spawn rly python3 -m http.server 8080 --bind $RLY --directory "$W/pages"; up rly 8080
    record; curl_ cli "http://$RLY:8080/{300,3000}"; save; earlier $DAY
    for pid in $(ip netns pids "$P-rly"); do kill "$pid"; done; sleep 1
    tinyproxy_up rly $RLY 8080
    record; curl_ cli -p -x http://$RLY:8080 'http://web.example.test/{300,3000}'; save; both
    has_text 'CONNECT web.example.test:80'
}

scenarios "$@"
