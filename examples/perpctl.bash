# bash completion for perpctl and perpcore-console

_perpctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= i
    local commands="status jobs explain rules feasibility pause resume set-risk-mode override kill
        reset-halt resolve cancel"
    local options="--url --token-file --actor --reason --json --help"
    COMPREPLY=()
    case $before in
    --token-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --url | --actor | --reason | --ttl-ms | --job | --exchange) return ;;
    set-risk-mode)
        mapfile -t COMPREPLY < <(compgen -W "conservative balanced aggressive" -- "$word")
        return
        ;;
    override | kill)
        mapfile -t COMPREPLY < <(compgen -W "on off" -- "$word")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ " ${commands//$'\n'/ } " == *" ${COMP_WORDS[i]} "* ]] && command=${COMP_WORDS[i]}
    done
    case $command in
    "") options="$commands $options" ;;
    status) options+=" --watch" ;;
    jobs) options+=" --pending" ;;
    override) options+=" --ttl-ms --job" ;;
    kill) options+=" --exchange" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -F _perpctl perpctl

_perpcore_console() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --token-file | --store | --market)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --listen | --speed | --seed) ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W \
            "--listen --token-file --store --market --speed --seed --help" -- "$word")
        ;;
    esac
}
complete -F _perpcore_console perpcore-console
