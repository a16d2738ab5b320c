#!/usr/bin/env bash
# Captures that look like shells that wait at a port, and are none.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/shells.sh"
DETECTOR=bind-shell WEBSOCAT=${WEBSOCAT:-websocat}

miss_telnet_login() { # telnetd: options first, then a login that fails
    net_up; printf 'telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n' >"$W/inetd.conf"
    spawn rly inetutils-inetd -d "$W/inetd.conf"; up rly 23
    record in cli rly
    (typed 1.2 nobody-here secret) | on cli timeout 12 telnet $RLY >/dev/null 2>&1 || true
    save; has_text 'login'
}
miss_telnet_prompt() { # telnetd: options first, then a shell and no login, as in a lab
    net_up; printf 'telnet stream tcp nowait root /usr/sbin/telnetd telnetd -E "/bin/sh -i"\n' >"$W/inetd.conf"
    spawn rly inetutils-inetd -d "$W/inetd.conf"; up rly 23
    record in cli rly; (typed 1 id 'uname -s' exit) | on cli timeout 12 telnet $RLY >/dev/null 2>&1 || true; save
}
miss_ftp() { # vsftpd; the file fetched has prompts in it
    net_up; install -d "$W/ftp"; printf 'root@victim:/# id\nuid=0(root) gid=0(root)\nroot@victim:/# ' >"$W/ftp/log"; chmod -R a+rX "$W/ftp"
    printf 'listen=YES\nlisten_ipv6=NO\nbackground=NO\nanonymous_enable=YES\nanon_root=%s\nsecure_chroot_dir=%s\nrun_as_launching_user=NO\nftp_username=daemon\nseccomp_sandbox=NO\n' "$W/ftp" "$W" >"$W/vsftpd.conf"
    mkdir -p "$W/empty"; sed -i "s|^secure_chroot_dir=.*|secure_chroot_dir=$W/empty|" "$W/vsftpd.conf"
    spawn rly vsftpd "$W/vsftpd.conf"; up rly 21
    record in cli rly; curl_ cli ftp://$RLY/ ftp://$RLY/log; curl_ cli -P - ftp://$RLY/log; save; has_text 'uid=0'
}
miss_smtp() {
    net_up; spawn rly aiosmtpd -n -l $RLY:25; up rly 25
    record in cli rly
    printf 'Subject: log\n\nroot@victim:/# id\nuid=0(root)\n' >"$W/mail"
    curl_ cli smtp://$RLY --mail-from a@example.test --mail-rcpt b@example.test -T "$W/mail"; save; has_text 'uid=0'
}
miss_irc() {
    net_up; printf '[Global]\nName = irc.example.test\nInfo = test\nListen = %s\nPorts = 6667\nServerUID = root\nServerGID = root\n[Options]\nDNS = no\nIdent = no\nPAM = no\n' $RLY >"$W/irc.conf"
    spawn rly ngircd -n -f "$W/irc.conf"; up rly 6667
    record in cli rly
    (sleep 0.3; typed 0.5 'NICK me' 'USER me 0 * :me' 'JOIN #lab' 'PRIVMSG #lab :root@victim:/# id' 'whois me' 'QUIT') |
        on cli timeout 15 nc.openbsd -q 1 $RLY 6667 >/dev/null; save
}
miss_redis() { # inline commands as people type them, and redis-cli
    net_up; spawn rly redis-server --bind $RLY --port 6379 --save '' --dir "$W" --protected-mode no; up rly 6379
    record in cli rly
    (typed 0.4 'ping' 'echo hello' 'set ls uid=0' 'get ls' 'time' 'quit') | on cli timeout 10 nc.openbsd -q 1 $RLY 6379 >/dev/null
    on cli redis-cli -h $RLY echo hello >/dev/null; save
}
miss_psql() {
    local bin=/usr/lib/postgresql/15/bin
    net_up; install -d -o postgres "$W/pg"
    su postgres -s /bin/sh -c "$bin/initdb -D $W/pg -A trust >/dev/null && echo 'host all all 0.0.0.0/0 trust' >>$W/pg/pg_hba.conf"
    spawn rly su postgres -s /bin/sh -c "$bin/postgres -D $W/pg -h $RLY -k $W/pg"; up rly 5432
    record in cli rly; on cli psql -h $RLY -U postgres -c 'select 1' -c "select 'uid=0(root)'" >/dev/null; save
}
miss_chat_server() { # a line a turn, both ways
    net_up; spawn rly socat TCP-LISTEN:4444,fork EXEC:"cat"; up rly 4444
    record in cli rly; caller cli $RLY 4444 typed 0.4 hello 'ls is broken' id whoami 'echo hello' bye; save
}
miss_python_console() { # a prompt, and none of a shell's
    net_up; spawn rly socat TCP-LISTEN:4444,fork EXEC:"/usr/bin/python3 -i",stderr; up rly 4444
    record in cli rly; caller cli $RLY 4444 typed 0.6 '1+1' 'import os' 'exit()'; save; has_text '>>> '
}
miss_device_console() { # a prompt that a router shows
    net_up; spawn rly socat TCP-LISTEN:4444,fork SYSTEM:'printf "Router#"; while read line; do echo "ok $line"; printf "Router#"; done'; up rly 4444
    record in cli rly; caller cli $RLY 4444 typed 0.5 'show version' 'ping 192.0.2.1' exit; save
}
miss_finger() { # a file with comments in it, for a name
    net_up; spawn rly socat TCP-LISTEN:79,fork SYSTEM:'read name; printf "# plan of $name\\n# nothing\\n"'; up rly 79
    record in cli rly; caller cli $RLY 79 typed 0.5 alice; save
}
miss_echo_over_udp() { # what is said comes back
    net_up; record in cli rly; spawn rly socat UDP-LISTEN:7,fork EXEC:cat; waits rly 7
    typed 0.4 id 'ls is broken' whoami 'echo hello' uptime | on cli timeout 12 nc.openbsd -u -w 2 $RLY 7 >/dev/null || true; save; has_datagram whoami
}
miss_tftp() { # a file with prompts in it
    net_up; install -d -m 755 "$W/tftp"; printf 'root@victim:/# id\nuid=0(root) gid=0(root)\nroot@victim:/# ' >"$W/tftp/log"; chmod -R a+rX "$W/tftp"
    spawn rly dnsmasq -k -C /dev/null -p 0 -u root --pid-file= --enable-tftp --tftp-root="$W/tftp"; waits rly 69
    record in cli rly; curl_ cli tftp://$RLY/log; save; has_datagram 'uid=0'
}
miss_websocket_terminal() { # a web application's terminal, whose frames are what the terminal shows
    net_up; victim rly socat TCP-LISTEN:4000,bind=127.0.0.1 EXEC:'bash --norc -i',pty,stderr,setsid,sane & PIDS+=($!); up rly 4000
    spawn rly "$WEBSOCAT" -E -b ws-l:0.0.0.0:8080 tcp:127.0.0.1:4000; up rly 8080
    record in cli rly
    (typed 0.6 id 'uname -s' exit) | on cli timeout 15 "$WEBSOCAT" -b ws://$RLY:8080/terminal - >/dev/null 2>&1 || true
    save; has_text 'uid=0'
}
scenarios "$@"
