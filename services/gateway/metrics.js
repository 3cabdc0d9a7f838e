// What only the edge sees: every request's status and time, those that reached no service included.
//
// nginx counts nothing by route, and to run a script for every request costs as much as to answer it. So nginx writes a
// short line for each, in memory, and a few times a second `tally` adds up those that are new. Lines of even and of odd
// minutes go to files of their own: the one that nobody writes to can be emptied without losing a line.

import fs from 'fs';

const ROUTES = ['/predict/housing', '/predict/iris', '/retrain', '/models', '/health', 'other'];
const GAVE_UP = '499'; // nginx's own: the client was gone before the answer
const CODES = ['2xx', '3xx', '4xx', GAVE_UP, '5xx'];
const PREDICT = '/predict/';
const SIZES = ['short', 'long'];
const SHORT_BYTES = 512;
const LONG_WAIT_SECONDS = 0.05; // who gives up before that says nothing about the service
const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

const REQUESTS = 'mlplatform_gateway_requests_total';
const DURATION = 'mlplatform_gateway_prediction_duration_seconds';

const CHUNK_BYTES = 65536;
const FILES = ['counts-0.log', 'counts-1.log'].map((name) => ngx.prefix + name); // of even and of odd minutes
const QUIET_FROM = 20; // seconds into a minute: what was buffered for the file of the one before is written
const QUIET_TO = 40;

async function tally() {
    const counts = ngx.shared.gateway_metrics;
    for (let parity = 0; parity < FILES.length; parity++) {
        const file = await fs.promises.open(FILES[parity], 'a+');
        try {
            await addNewLines(counts, file, FILES[parity], isAtRest(parity));
        } finally {
            await file.close();
        }
    }
}

// Nobody writes to the file of the other minutes, and what was still in memory when they ended is written by now.
function isAtRest(parity) {
    const now = new Date();
    return now.getUTCMinutes() % 2 !== parity && now.getUTCSeconds() > QUIET_FROM && now.getUTCSeconds() < QUIET_TO;
}

async function addNewLines(counts, file, name, canBeEmptied) {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let position = counts.get(name) || 0;
    let got = CHUNK_BYTES;
    while (got === CHUNK_BYTES) {
        got = (await file.read(buffer, 0, CHUNK_BYTES, position)).bytesRead;
        const whole = buffer.slice(0, got).lastIndexOf('\n') + 1;
        add(counts, buffer.slice(0, whole).toString());
        position += whole;
    }
    if (canBeEmptied && position > 0 && (await file.stat()).size === position) {
        fs.writeFileSync(name, '');
        position = 0;
    }
    counts.set(name, position);
}

// Each line is: route, status, seconds, length of the body.
function add(counts, text) {
    const same = {};
    text.split('\n').forEach((line) => { same[line] = (same[line] || 0) + 1; });
    delete same[''];
    Object.keys(same).forEach((line) => {
        const parts = line.split(' ');
        const route = parts[0];
        const seconds = Number(parts[2]);
        const code = codeOf(parts[1]);
        counts.incr(`${route} ${code}`, same[line], 0);
        const isAwaited = code === GAVE_UP && seconds >= LONG_WAIT_SECONDS;
        if ((code === '2xx' || isAwaited) && route.startsWith(PREDICT)) {
            const size = Number(parts[3]) <= SHORT_BYTES ? 'short' : 'long';
            const place = BOUNDS.findIndex((bound) => isAwaited ? seconds < bound : seconds <= bound); // it takes longer
            counts.incr(`${route} ${size} ${place < 0 ? BOUNDS.length : place}`, same[line], 0);
            counts.incr(`${route} ${size} sum`, seconds * same[line], 0);
        }
    });
}

function codeOf(status) {
    if (status === GAVE_UP) {
        return GAVE_UP;
    }
    return status < '200' ? '4xx' : `${status[0]}xx`; // 000: the client was gone before it had asked
}

function modelOf(route) {
    return route.startsWith(PREDICT) ? route.slice(PREDICT.length) : ''; // for Prometheus empty is absent
}

function expose(r) {
    const counts = ngx.shared.gateway_metrics;
    const of = (key) => counts.get(key) || 0;
    const lines = [
        `# HELP ${REQUESTS} Requests answered at the edge, by route, the model that it is for and class of status.`,
        `# TYPE ${REQUESTS} counter`,
    ];
    ROUTES.forEach((route) => {
        const labels = `route="${route}",model="${modelOf(route)}"`;
        CODES.forEach((code) => lines.push(`${REQUESTS}{${labels},code="${code}"} ${of(`${route} ${code}`)}`));
    });

    lines.push(`# HELP ${DURATION} Time to answer a predict request with 2xx or until its client gave up, by the size of its body.`);
    lines.push(`# TYPE ${DURATION} histogram`);
    ROUTES.filter((route) => route.startsWith(PREDICT)).forEach((route) => {
        SIZES.forEach((size) => {
            const labels = `model="${modelOf(route)}",size="${size}"`;
            let total = 0;
            for (let bound = 0; bound <= BOUNDS.length; bound++) {
                total += of(`${route} ${size} ${bound}`);
                lines.push(`${DURATION}_bucket{${labels},le="${bound < BOUNDS.length ? BOUNDS[bound] : '+Inf'}"} ${total}`);
            }
            lines.push(`${DURATION}_sum{${labels}} ${of(`${route} ${size} sum`)}`);
            lines.push(`${DURATION}_count{${labels}} ${total}`);
        });
    });

    r.headersOut['Content-Type'] = 'text/plain; version=0.0.4; charset=utf-8';
    r.return(200, `${lines.join('\n')}\n`);
}

export default { tally, expose };
