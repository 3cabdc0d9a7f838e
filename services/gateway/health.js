// GET /health: asks every service at once and says whether predictions can be served.

const PREDICTORS = ['housing-predictor', 'iris-predictor'];
const OTHERS = ['trainer'];

async function report(r) {
    const names = PREDICTORS.concat(OTHERS);
    const replies = await Promise.all(names.map((name) => r.subrequest(`/-/health/${name}`)));

    const services = {};
    const ready = {};
    names.forEach((name, i) => {
        services[name] = bodyOf(replies[i]);
        ready[name] = replies[i].status === 200 && services[name].status !== 'unreachable';
    });

    const serving = PREDICTORS.every((name) => ready[name] && services[name].status === 'ready');
    const whole = serving && OTHERS.every((name) => ready[name]);
    const status = whole ? 'ok' : serving ? 'degraded' : 'unavailable';

    r.headersOut['Content-Type'] = 'application/json';
    r.headersOut['Cache-Control'] = 'no-store';
    if (!serving) {
        r.headersOut['Retry-After'] = '5';
    }
    r.return(serving ? 200 : 503, JSON.stringify({ status, services }) + '\n');
}

// A service's own body has a word as its status; nginx's error for a dead one has not.
function bodyOf(reply) {
    try {
        const body = JSON.parse(reply.responseText);
        if (body && typeof body.status === 'string') {
            return body;
        }
    } catch (e) {
        // Not JSON: not a service's own answer.
    }
    return { status: 'unreachable' };
}

export default { report };
