#!/usr/bin/env bash
# Captures of hosts that relay as they always did, or do something else that is new.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/days.sh"
DETECTOR=new-relay

balanced() { for _ in 1 2 3 4 5 6 7; do curl_ out -k "https://$RLY:4443/{300,1500}"; sleep 0.5; done; sleep 2; }
balanced_net() {
    net_up; extra_host_up rl3 $RL3 40; site_up rl2; site_up rl3; site_up rly
    balancer_up rly tcp 4443 $RL2:443 $RL3:443
}

miss_balancer_of_old() { # rly is the same balancer on both days
    balanced_net; record; balanced; save; earlier $DAY; record; balanced; save; both; echoed 4443 443
}

miss_balancer_too_soon() { # rly begins to balance an hour after it was first seen
    balanced_net; record; pages $RLY; save; earlier 3600; record; balanced; save; both; echoed 4443 443
}

miss_new_services() { # the next day rly serves on new ports, cli goes to new places, and nobody relays
    net_up; targets_up web; site_up rly; sshd_up rly
    record; curl_ cli --connect-to web.example.test:80:$RLY:80 'http://web.example.test/{300,3000}'; save; earlier $DAY
    record; pages $RLY; pages $WEB; on cli timeout 10 "${SSH[@]}" root@$RLY 'id; uname -a' >/dev/null; save; both
}

scenarios "$@"
