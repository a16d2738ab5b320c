#!/usr/bin/env bash
# Captures of sessions that end in time, and of what is no session.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/long.sh"
DETECTOR=long-lived-session

miss_ends_in_time() { # a session that is over after nine minutes, in a capture that goes on
    net_up; web_up; spawn out socat TCP-LISTEN:4455,fork,reuseaddr EXEC:cat; up out 4455
    record; typed 1 one | on cli timeout 20 socat - TCP:$OUT:4455 >/dev/null; sleep 4; curl_ cli http://$WEB/; save
    stretch 240; lasts 620
}

miss_new_connections() { # a page every few minutes for an hour, each in a connection of its own
    net_up; web_up
    record; for _ in 1 2 3 4 5 6; do curl_ cli http://$WEB/; sleep 1; done; save
    stretch 600; lasts 1200
}

miss_ntp_same_port() { # chrony asks from port 123: the same two ports for an hour
    net_up
    printf 'local stratum 5\nallow all\ncmdport 0\npidfile %s\n' "$W/s.pid" >"$W/server.conf"
    printf 'server %s minpoll 0 maxpoll 0 iburst\nacquisitionport 123\nport 123\ncmdport 0\npidfile %s\n' $WEB "$W/c.pid" >"$W/client.conf"
    spawn web chronyd -x -u root -d -f "$W/server.conf"; sleep 1
    record; on cli timeout 8 chronyd -x -u root -d -f "$W/client.conf" >/dev/null 2>&1 || true; save
    stretch 600; lasts 1200
}

miss_nobody_answers() { # SYNs to a port that says nothing, for longer than ten minutes
    net_up; on out iptables -A INPUT -p tcp --dport 4455 -j DROP
    record; on cli timeout 8 ncat -w 7 $OUT 4455 </dev/null || true; save
    stretch 400; lasts 900
}

scenarios "$@"
