// Errors that the gateway itself makes, as problem details (RFC 9457).

const PROBLEMS = {
    400: ['Bad Request', 'The request could not be read as HTTP.'],
    404: ['Not Found', 'Nothing is served at this path.'],
    405: ['Method Not Allowed', 'This path does not take this method.'],
    408: ['Request Timeout', 'The request took too long to arrive.'],
    411: ['Length Required', 'The request must say how long its body is.'],
    413: ['Content Too Large', 'The body is larger than 16 MB.'],
    414: ['URI Too Long', 'The address is too long.'],
    429: ['Too Many Requests', 'Too many requests: wait before trying again.'],
    431: ['Request Header Fields Too Large', 'The headers are too large.'],
    500: ['Internal Server Error', 'The gateway failed to handle the request.'],
    501: ['Not Implemented', 'The body is encoded for transfer in a way that is not known here.'],
    502: ['Bad Gateway', 'The service behind this path is down or answered wrongly.'],
    503: ['Service Unavailable', 'The service behind this path cannot answer now.'],
    504: ['Gateway Timeout', 'The service behind this path took too long.'],
    505: ['HTTP Version Not Supported', 'This version of HTTP is not spoken here.'],
};

const RETRY_AFTER_SECONDS = { 429: '1', 503: '5' };

function send(r) {
    const v = r.variables;
    const status = Number(v.status);
    const known = PROBLEMS[status] || PROBLEMS[500];
    const path = (v.request_uri || '').split('?')[0];

    const problem = { type: 'about:blank', title: known[0], status, detail: known[1] };
    if (path) {
        problem.instance = path;
    }
    problem.request_id = v.gateway_request_id;

    r.headersOut['Content-Type'] = 'application/problem+json';
    if (RETRY_AFTER_SECONDS[status]) {
        r.headersOut['Retry-After'] = RETRY_AFTER_SECONDS[status];
    }
    if (status === 405 && v.allow) {
        r.headersOut.Allow = v.allow;
    }
    r.return(status, JSON.stringify(problem) + '\n');
}

export default { send };
