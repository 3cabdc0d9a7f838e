#!/bin/sh
# Fills in the configuration and becomes nginx. Everything it writes is in one folder, so the rest can be read-only.
set -eu
prefix=/run/gateway

fill_in() { # only our own names: nginx has variables, too
    # shellcheck disable=SC2016 # the names, not their values
    envsubst '${GATEWAY_LISTEN} ${GATEWAY_INTERNAL_LISTEN} ${GATEWAY_LOG_FORMAT} ${GATEWAY_RESOLVER} ${GATEWAY_WORKERS} ${HOUSING_PREDICTOR_SERVER} ${IRIS_PREDICTOR_SERVER} ${TRAINER_SERVER} ${STUB_STATUS}' <"$1"
}

# Not every build of nginx counts its connections; the gateway starts all the same.
STUB_STATUS="return 501;"
if nginx -V 2>&1 | grep -q http_stub_status_module; then STUB_STATUS="stub_status;"; fi
export STUB_STATUS

fill_in /etc/gateway/nginx.conf.template >"$prefix/nginx.conf"
fill_in /etc/gateway/internal.conf.template >"$prefix/internal.conf"
rm -f "$prefix"/counts-*.log # of a life before this one
cp /etc/gateway/*.js "$prefix/"

# njs is built in, or a module beside nginx.
directives="daemon off;"
module=/usr/lib/nginx/modules/ngx_http_js_module.so
if [ -e "$module" ]; then directives="$directives load_module $module;"; fi

# One line of JSON for each of nginx's own, too. The pipe is opened for both directions, so that nobody waits for anybody.
rm -f "$prefix/errors"
mkfifo "$prefix/errors"
TZ=UTC awk -f /etc/gateway/errors.awk <>"$prefix/errors" &
export TZ=UTC

exec nginx -p "$prefix/" -c "$prefix/nginx.conf" -e stderr -g "$directives" 2>"$prefix/errors"
