#!/usr/bin/env bash
# Captures of SSH inside TLS, which must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
# WEBSOCAT names that program where it is not in the path.
. "$(dirname "$0")/ssh.sh"
DETECTOR=ssh-tunnel WEBSOCAT=${WEBSOCAT:-websocat}

# Servers of TLS on port 443 of rly, with sshd of rly behind them.
stunnel_serves() { certificate; stunnel_up rly "accept = 443" "connect = 127.0.0.1:${1:-22}" "cert = $W/web.crt" "key = $W/web.key" "${@:2}"; up rly 443; }
socat_serves() { spawn rly socat "OPENSSL-LISTEN:443,fork,reuseaddr,verify=0,cert=$W/web.crt,key=$W/web.key" TCP:127.0.0.1:22; up rly 443; }
ncat_serves() { spawn rly ncat --ssl --ssl-cert "$W/web.crt" --ssl-key "$W/web.key" -lk 443 --sh-exec "ncat 127.0.0.1 22"; up rly 443; }

# What puts the client's side into TLS, as a command for each connection.
PIPE=
stunnel_calls() { stunnel_up cli "client = yes" "accept = 127.0.0.1:2443" "connect = $RLY:443"; up cli 2443; }
s_client() { PIPE="openssl s_client -quiet -connect $RLY:443"; }
socat_calls() { PIPE="socat - OPENSSL:$RLY:443,verify=0"; }
ncat_calls() { PIPE="ncat --ssl $RLY 443"; }

in_tls() { # CIPHER USE SERVER... : the client's side is PIPE
    cipher "$1"; ssh_net_up; "${@:3}"
    SSH+=("${CIPHER[@]}" -o "ProxyCommand=$PIPE 2>/dev/null")
    record; "use_$2"; save; has '443 [0-9]+ 1603'; lacks '5353482d322e30'
}
use_typed() { on cli $TRAFFIC typed "id|uname -a|ls /etc|df|exit" "${SSH[@]}" -tt root@$RLY 'bash --norc -i'; }
use_command() { on cli "${SSH[@]}" root@$RLY 'id; ls -la /etc' >/dev/null; }
use_local() { spawn cli "${SSH[@]}" -N -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 0.5; https_through cli; }
use_dynamic() { spawn cli "${SSH[@]}" -N -D 1080 root@$RLY; up cli 1080; sleep 0.5; names_through cli 1080; }
use_remote() { spawn cli "${SSH[@]}" -N -R 4443:$WEB:443 root@$RLY; up rly 4443; sleep 0.5; https_through rly; }

hit_openssh_chacha20_stunnel_typed() { s_client; in_tls chacha20 typed stunnel_serves; }
hit_openssh_chacha20_stunnel_local() { s_client; in_tls chacha20 local stunnel_serves; }
hit_openssh_gcm_stunnel_dynamic() { s_client; in_tls gcm dynamic stunnel_serves; }
hit_openssh_etm_stunnel_remote() { s_client; in_tls etm remote stunnel_serves; }
hit_openssh_chacha20_tls12_command() { s_client; in_tls chacha20 command stunnel_serves 22 "sslVersionMax = TLSv1.2"; }
hit_openssh_chacha20_socat_dynamic() { socat_calls; in_tls chacha20 dynamic socat_serves; }
hit_openssh_ctr_socat_command() { socat_calls; in_tls ctr command socat_serves; }
hit_openssh_chacha20_ncat_local() { ncat_calls; in_tls chacha20 local ncat_serves; }
hit_openssh_chacha20_ncat_remote() { ncat_calls; in_tls chacha20 remote ncat_serves; }

hit_openssh_chacha20_websocket_dynamic() { # in a WebSocket in TLS
    ssh_net_up
    spawn rly "$WEBSOCAT" -E -b ws-l:127.0.0.1:8088 tcp:127.0.0.1:22; up rly 8088
    stunnel_serves 8088; stunnel_calls
    spawn cli "$WEBSOCAT" -E -b tcp-l:127.0.0.1:2222 ws://127.0.0.1:2443/; up cli 2222
    record; spawn cli "${SSH[@]}" -N -p 2222 -D 1080 root@127.0.0.1; up cli 1080; sleep 0.5; names_through cli 1080
    save; has '443 [0-9]+ 1603'; lacks '5353482d322e30'
}

hit_openssh_chacha20_stunnel_swapped() { # rly calls out in TLS, and is the SSH server there
    ssh_net_up; certificate
    stunnel_up out "accept = 443" "connect = 127.0.0.1:7022" "cert = $W/web.crt" "key = $W/web.key"; up out 443
    spawn out socat TCP-LISTEN:7022,reuseaddr TCP-LISTEN:7023,reuseaddr; up out 7022
    record
    spawn rly socat OPENSSL:$OUT:443,verify=0 TCP:127.0.0.1:22; up out 7023
    on out "${SSH[@]}" -p 7023 root@127.0.0.1 'id; ls -la /etc' >/dev/null
    save; has '443 [0-9]+ 1603'; lacks '5353482d322e30'
}

hit_dropbear_chacha20_stunnel_local() { # its client to OpenSSH's server
    ssh_net_up; dropbear_client; stunnel_serves; stunnel_calls
    record; spawn cli "${DB[@]}" -p 2443 -N -L 4443:$WEB:443 root@127.0.0.1; up cli 4443; sleep 0.5; https_through cli
    save; has '443 [0-9]+ 1603'; lacks '5353482d322e30'
}

hit_dropbear_server_stunnel_dynamic() { # OpenSSH's client to its server
    ssh_net_up; dropbear_up rly 2222; s_client; stunnel_serves 2222
    SSH+=(-o "ProxyCommand=$PIPE 2>/dev/null")
    record; use_dynamic; save; has '443 [0-9]+ 1603'; lacks '5353482d322e30'
}

hit_asyncssh_chacha20_stunnel_local() {
    ssh_net_up; stunnel_serves; stunnel_calls
    record; spawn cli $PY asyncssh_local "$W/id" 127.0.0.1:2443 4443 $WEB 443 $(names_of chacha20); up cli 4443; sleep 0.5; https_through cli
    save; has '443 [0-9]+ 1603'; lacks '5353482d322e30'
}

scenarios "$@"
