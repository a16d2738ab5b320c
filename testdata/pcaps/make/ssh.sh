# Shared by the scripts about SSH: clients and servers of several makers, each with the ciphers that they have in common.
. "$(dirname "${BASH_SOURCE[0]}")/hops.sh"
DETECTOR=ssh-tunnel
PY="python3 -W ignore $TOOLS/ssh.py"
LIBSSH="python3 -W ignore $TOOLS/libssh.py"

# CIPHER : options of OpenSSH
cipher() {
    case $1 in
        chacha20) CIPHER=(-o Ciphers=chacha20-poly1305@openssh.com) ;;
        gcm) CIPHER=(-o Ciphers=aes256-gcm@openssh.com) ;;
        etm) CIPHER=(-o Ciphers=aes256-ctr -o MACs=hmac-sha2-256-etm@openssh.com) ;;
        ctr) CIPHER=(-o Ciphers=aes256-ctr -o MACs=hmac-sha2-256) ;;
        umac) CIPHER=(-o Ciphers=aes128-ctr -o MACs=umac-64-etm@openssh.com) ;;
        *) die "no cipher $1" ;;
    esac
}

# The same for asyncssh.
names_of() {
    case $1 in
        chacha20) echo chacha20-poly1305@openssh.com ;;
        gcm) echo aes256-gcm@openssh.com ;;
        etm) echo aes256-ctr hmac-sha2-256-etm@openssh.com ;;
        ctr) echo aes256-ctr hmac-sha2-256 ;;
    esac
}

ssh_net_up() { # [COMPRESSION] : web has pages, ssh and random bytes; rly and out are SSH servers
    net_up; targets_up web
    # Dropbear and AsyncSSH ask for compression wherever they can get it.
    sshd_up rly "PermitTunnel yes" "MaxSessions 20" "Subsystem sftp internal-sftp" "Compression ${1:-no}"
    sshd_up out "GatewayPorts clientspecified" "Compression ${1:-no}"
    ssh_config
}

dropbear_up() { # NS PORT : a server; it reads ~/.ssh of root, so that the key is asked for by nobody else
    dropbearkey -t ed25519 -f "$W/dropbear.host" >/dev/null 2>&1
    mkdir -p "$W/home/.ssh"; cp "$W/id.pub" "$W/home/.ssh/authorized_keys"; chmod 700 "$W/home" "$W/home/.ssh"
    spawn "$1" unshare -m bash -c "mount --bind $W/home /root && exec dropbear -F -E -r $W/dropbear.host -p $2 -P $W/dropbear.pid"
    up "$1" "$2"
}
dropbear_client() { # its own format of keys
    [ -e "$W/id.dropbear" ] || { dropbearkey -t ed25519 -f "$W/id.dropbear" >/dev/null 2>&1
        dropbearkey -y -f "$W/id.dropbear" 2>/dev/null | grep ^ssh- >>"$W/id.pub"; }
    DB=(dbclient -y -y -i "$W/id.dropbear")
}
putty_client() {
    puttygen "$W/id" -O private -o "$W/id.ppk" >/dev/null
    PUTTY=(plink -batch -i "$W/id.ppk" -hostkey "$(ssh-keygen -lf "$W/hostkey.pub" | cut -d' ' -f2)")
}

# What goes through a port of 127.0.0.1 in a namespace.
https_through() { # NS [PORT]
    local size
    for size in 300 1500 300; do
        curl_ "$1" --connect-to "web.example.test:443:127.0.0.1:${2:-4443}" https://web.example.test/$size; sleep 0.3
    done
}
names_through() { # NS SOCKS-PORT
    local host
    for host in web.example.test www2.example.test $WEB www.a-longer-name.example.test; do
        curl_ "$1" --socks5-hostname "127.0.0.1:$2" "http://$host/300"; sleep 0.3
    done
}
