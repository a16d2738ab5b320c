#!/usr/bin/env bash
# Captures that look a little like SOCKS and must stay quiet.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=socks-proxy
greet() { on cli python3 "$TOOLS/socks5.py" greet "$@" >/dev/null || true; }

miss_web_server_probed() { # nginx answers SOCKS greetings with 400 or hangs up
    net_up; web_up; record
    curl_ cli --socks5-hostname $WEB:80 http://web.example.test/
    curl_ cli --socks4a $WEB:80 http://web.example.test/
    curl_ cli --socks5-hostname $WEB:443 http://web.example.test/
    save
    has ' 80 05020001'; has ' 80 0401'; has "80 [0-9]+ $(hex 'HTTP/1.1 400')|80 [0-9]+ $(hex '<html>')"
}

miss_ssh_server_probed() { # sshd greets first, then complains
    net_up; web_up; sshd_up web; record
    greet $WEB 22 050100
    greet $WEB 22 04010050c000025000
    curl_ cli --socks5-hostname $WEB:22 http://web.example.test/
    save
    has ' 22 050100$'; has ' 22 05020001$'; has '22 [0-9]+ 5353482d'
}

miss_binary_lookalike() { # see tools/servers.py: type, length, body
    net_up; spawn web python3 "$TOOLS/servers.py" lookalike $WEB 7000; up web 7000
    record; on cli python3 "$TOOLS/servers.py" lookalike_client $WEB 7000; save
    has ' 7000 0501002a$'; has ' 7000 050100$'; has '7000 [0-9]+ 050000$'; has '7000 [0-9]+ 0500000'; has ' 7000 0401002a$'
}

miss_dce_rpc() { # samba's endpoint mapper and its client: version 5, minor 0, type 11
    local d
    net_up; mkdir "$W/smb"
    { echo '[global]'; for d in private state cache pid; do echo "$d directory = $W/smb/$d"; mkdir "$W/smb/$d"; done
      printf '%s\n' "lock directory = $W/smb/lock" "ncalrpc dir = $W/smb/ncalrpc" "log file = $W/smb/log" \
          'workgroup = LAB' 'netbios name = WEB' 'disable netbios = yes' 'load printers = no' \
          'rpc start on demand helpers = no'
    } >"$W/smb.conf"
    spawn web /usr/libexec/samba/samba-dcerpcd -F -i --libexec-rpcds -s "$W/smb.conf"; up web 135
    record
    on cli rpcclient -s "$W/smb.conf" -U% -N -c epmmap "ncacn_ip_tcp:$WEB[135]" >/dev/null 2>&1 || true
    save
    has ' 135 05000b0'; has '135 [0-9]+ 05000c0'; has '135 [0-9]+ 050002'
}

miss_greeting_unanswered() { # the server takes everything and says nothing
    net_up; spawn web python3 "$TOOLS/servers.py" sink $WEB 1080; up web 1080
    record
    greet $WEB 1080 050100
    greet $WEB 1080 05010005010001c00002500050
    greet $WEB 1080 04010050c000025000
    save
    has ' 1080 050100$'; lacks '^1080 '
}

miss_greeting_refused() { # the same to a port where nothing listens
    net_up; record; greet $WEB 1080 050100 2>/dev/null; save
    lacks .
}

scenarios "$@"
