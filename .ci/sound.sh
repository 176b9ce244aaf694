#!/usr/bin/env bash
# A sound server of one's own, with a sink that plays into nothing: no card, no systemd, no D-Bus.
#   eval "$(.ci/sound.sh start DIR)"    starts it and exports what clients need; files go to DIR
#   .ci/sound.sh stop DIR               ends it
set -euo pipefail

usage() {
    sed -n '2,4p' "$0" >&2
    exit 2
}

start() {
    local dir="$1" socket="$1/run/pulse/native" waited=0
    mkdir -p "$dir/run/pulse" "$dir/home"
    chmod 700 "$dir" "$dir/run" "$dir/run/pulse"
    # -n: no default script, so that nothing but these two modules is loaded
    HOME="$dir/home" XDG_RUNTIME_DIR="$dir/run" PULSE_RUNTIME_PATH="$dir/run/pulse" \
        pulseaudio -n --daemonize=no --exit-idle-time=-1 --realtime=yes --high-priority=yes \
        --use-pid-file=no --log-target=stderr --log-level=notice \
        -L "module-native-protocol-unix auth-anonymous=1 socket=$socket" \
        -L "module-null-sink sink_name=attune format=float32le rate=48000 channels=2 norewinds=yes" \
        </dev/null >"$dir/server.log" 2>&1 &
    echo $! >"$dir/pid"
    until PULSE_SERVER="unix:$socket" pactl info >/dev/null 2>&1; do
        waited=$((waited + 1))
        if [ $waited -gt 200 ] || ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
            echo "sound.sh: the sound server did not come up" >&2
            cat "$dir/server.log" >&2
            exit 1
        fi
        sleep 0.05
    done
    # PortAudio speaks ALSA; this is the whole ALSA configuration, so the only way out is the server
    cat >"$dir/asound.conf" <<CONF
pcm.!default { type pulse hint { show on description "Default: the null sink" } }
ctl.!default { type pulse }
pcm.pulse { type pulse hint { show on description "The null sink" } }
CONF
    printf "export PULSE_SERVER='unix:%s' PULSE_SINK='%s' ALSA_CONFIG_PATH='%s' XDG_RUNTIME_DIR='%s'\n" \
        "$socket" attune "$dir/asound.conf" "$dir/run"
}

stop() {
    if [ -f "$1/pid" ]; then
        kill "$(cat "$1/pid")" 2>/dev/null || true # it may have ended by itself
        rm -f "$1/pid"
    fi
}

[ $# -eq 2 ] || usage
case "$1" in
start) start "$2" ;;
stop) stop "$2" ;;
*) usage ;;
esac
