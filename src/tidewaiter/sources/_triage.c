/* The same decisions as kube_audit_triage.py, 4 times as fast; see there for what they are and why they are sound.
 *
 * worth_parsing(data) -> ([(start, end, index), ...], lines). Reads only inside the buffer it is given.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <ctype.h>
#include <stddef.h>
#include <string.h>

typedef const char *place;

static place find(place from, place to, const char *needle, size_t size) {
    if (from > to || (size_t)(to - from) < size) return NULL;
#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
    return memmem(from, (size_t)(to - from), needle, size);
#else
    for (place last = to - size; from <= last; from++) {
        from = memchr(from, needle[0], (size_t)(last - from) + 1);
        if (!from) return NULL;
        if (!memcmp(from, needle, size)) return from;
    }
    return NULL;
#endif
}

#define FIND(from, to, text) find(from, to, text, sizeof(text) - 1)
#define BEGINS(at, to, text) ((size_t)((to) - (at)) >= sizeof(text) - 1 && !memcmp(at, text, sizeof(text) - 1))
#define ENDS(at, to, text) \
    ((size_t)((to) - (at)) >= sizeof(text) - 1 && !memcmp((to) - (sizeof(text) - 1), text, sizeof(text) - 1))
#define BEGINNING "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\""
#define VERB "\"verb\":\""
#define URI "\"requestURI\":\""
#define VERSION "resourceVersion"
#define NAMED "\"user\":{\"username\":\""

/* The target lies in [uri, uri_end); NULL when it is not written as Go writes it. */
static place target(place start, place verb, place *uri_end) {
    place uri = FIND(start, verb, URI);
    if (!uri || verb - uri < (ptrdiff_t)sizeof(URI) + 1) return NULL;
    uri += sizeof(URI) - 1;
    *uri_end = verb - 2;
    if (memchr(uri, '"', (size_t)(*uri_end - uri))) return NULL; /* more than `",` stands between target and verb */
    for (place at = uri; (at = memchr(at, '\\', (size_t)(*uri_end - at))); at += 6)
        if (!BEGINS(at, *uri_end, "\\u0026")) return NULL;
    return uri;
}

static Py_ssize_t slashes(place from, place to) {
    Py_ssize_t found = 0;
    while ((from = memchr(from, '/', (size_t)(to - from)))) {
        found++;
        from++;
    }
    return found;
}

static int names_one(place uri, place stop) {
    if (memchr(uri, '%', (size_t)(stop - uri)) || memchr(uri, '*', (size_t)(stop - uri)) || FIND(uri, stop, "//")) return 0;
    Py_ssize_t depth = slashes(uri, stop);
    if (BEGINS(uri, stop, "/api/v1/")) return depth == 4 || (depth == 6 && BEGINS(uri + 8, stop, "namespaces/"));
    if (!BEGINS(uri, stop, "/apis/")) return 0;
    if (depth == 5) return 1;
    place group_end = memchr(uri + 6, '/', (size_t)(stop - uri - 6));
    place version_end = group_end ? memchr(group_end + 1, '/', (size_t)(stop - group_end - 1)) : NULL;
    return depth == 7 && version_end && BEGINS(version_end + 1, stop, "namespaces/");
}

/* Escaped letters could hide a word that is looked for. Go escapes none. */
static int hides_letters(place from, place end) {
    for (; (from = FIND(from, end, "\\u00")); from += 4)
        if (end - from > 4 && from[4] >= '4' && from[4] <= '7') return 1;
    return 0;
}

/* Compares what follows a key and its colon with words, each with the length that counts. */
static int value_is(place key_end, place end, const char *const *words) {
    place at = key_end;
    while (at < end && (*at == ' ' || *at == '\t' || *at == ':')) at++;
    if (at == end || *at++ != '"') return 0;
    for (; *words; words++) {
        size_t size = strlen(*words);
        if ((size_t)(end - at) >= size && !memcmp(at, *words, size)) return 1;
    }
    return 0;
}

/* The program may be one with which people ask for single objects (see `agents` of the vocabulary): by the beginning
 * of its name in small or large letters, or because the name begins with what is neither letter nor digit. */
static int names_a_hand(place at, place end) {
    static const char *const names[] = {"kubectl", "oc/", "curl", "wget", "httpie", "mozilla/", NULL};
    if (at < end && !isalnum((unsigned char)*at)) return 1;
    for (const char *const *name = names; *name; name++) {
        place word = *name, letter = at;
        while (*word && letter < end && tolower((unsigned char)*letter) == *word) word++, letter++;
        if (!*word) return 1;
    }
    return 0;
}

static int may_be_by_hand(place verb, place end) {
    for (place at = verb; (at = FIND(at, end, "\"userAgent\""));) {
        at += sizeof("\"userAgent\"") - 1;
        while (at < end && (*at == ' ' || *at == '\t' || *at == ':')) at++;
        if (at == end || *at++ != '"') continue;
        if (names_a_hand(at, end)) return 1;
    }
    return 0;
}

/* Whoever has no credential is looked at whatever is read: the name is missing, empty, or that of nobody. */
static int may_be_nobody(place verb, place end) {
    place at = FIND(verb, end, "\"user\"");
    if (!at || FIND(verb, end, "system:anonymous") || FIND(verb, end, "\"impersonatedUser\"")) return 1;
    for (; at; at = FIND(at + 1, end, "\"user\""))
        if (!BEGINS(at, end, NAMED) || BEGINS(at, end, NAMED "\"")) return 1;
    return 0;
}

/* The status code behind a key is no success, or is longer than a code. */
static int has_failed(place code, place end) {
    if (end - code <= 10 || (code[7] != '2' && code[7] != '3')) return 1;
    return code[10] >= '0' && code[10] <= '9';
}

#define WHO ",\"user\":{\"username\":\""
#define AGENT "],\"userAgent\":\""
#define WHAT "\",\"objectRef\":{\"resource\":\""
#define STATUS ",\"responseStatus\":{"
#define CODE "\"code\":"

/* An answered read in the order in which Go writes it, by somebody with a name and a program, of no secret: each part is
 * looked for only where it stands, which is several times faster than looking for it everywhere. 0: look closer. */
static int is_plain_get(place word, place end) {
    place at = word + sizeof("get\"") - 1;
    if (!BEGINS(at, end, WHO)) return 0;
    place name = at + sizeof(WHO) - 1;
    if (name == end || *name == '"' || BEGINS(name, end, "system:anonymous")) return 0;
    place agent = FIND(name, end, AGENT);
    if (!agent) return 0;
    place program = agent + sizeof(AGENT) - 1, what = FIND(program, end, WHAT);
    if (!what || names_a_hand(program, what)) return 0;
    place kind = what + sizeof(WHAT) - 1, closed = memchr(kind, '}', (size_t)(end - kind));
    if (!closed || BEGINS(kind, end, "secrets\"") || FIND(kind, closed, "\"subresource\"")) return 0;
    if (!BEGINS(closed + 1, end, STATUS)) return 0;
    place code = FIND(closed, end, CODE);
    if (!code || has_failed(code, end)) return 0;
    return !FIND(name, end, "\"impersonatedUser\"");  /* in another order it may stand anywhere */
}

static int drops_get(place start, place verb, place end) {
    place uri_end, uri = target(start, verb, &uri_end);
    if (!uri) return 0;
    place query = memchr(uri, '?', (size_t)(uri_end - uri));
    if (!names_one(uri, query ? query : uri_end)) return 0;
    if (is_plain_get(verb + sizeof(VERB) - 1, end)) return !hides_letters(verb, end);
    if (FIND(verb, end, "\"subresource\"")) return 0;
    if (FIND(uri, uri_end, "/secrets/") || FIND(verb, end, "\"secrets\"") || may_be_by_hand(verb, end)) return 0;
    if (may_be_nobody(verb, end)) return 0;
    for (place code = verb; (code = FIND(code, end, "\"code\"")); code += 6) {
        if (has_failed(code, end)) return 0;
    }
    return !hides_letters(verb, end);
}

/* Of a repeated parameter the server takes the first; a malformed one it leaves out. */
static int drops_watch(place start, place verb) {
    place uri_end, uri = target(start, verb, &uri_end);
    place query = uri ? memchr(uri, '?', (size_t)(uri_end - uri)) : NULL;
    if (!query || FIND(query, uri_end, "sendInitialEvents")) return 0;
    place at = FIND(query, uri_end, VERSION);
    if (!at || memchr(query, '%', (size_t)(at - query))) return 0;
    if (at != query + 1 && at[-1] != '&' && (at - query < 6 || memcmp(at - 6, "\\u0026", 6))) return 0;
    at += sizeof(VERSION) - 1;
    if (uri_end - at < 2 || at[0] != '=' || at[1] < '1' || at[1] > '9') return 0;
    for (at += 2; at < uri_end && *at >= '0' && *at <= '9';) at++;
    if (at < uri_end && *at != '&' && *at != '\\') return 0;
    int in_name = 0; /* a percent sign in a parameter's name could hide the name */
    for (; at < uri_end; at++) {
        if (*at == '&' || *at == '\\') in_name = 1;
        else if (*at == '=') in_name = 0;
        else if (*at == '%' && in_name) return 0;
    }
    return 1;
}

/* Something is made that may be the next step (see `kept_writes` of the vocabulary). */
static int makes_what_is_kept(place verb, place end) {
    static const char *const kinds[] = {
        "pods\"", "deployments\"", "daemonsets\"", "statefulsets\"", "replicasets\"", "replicationcontrollers\"",
        "jobs\"", "cronjobs\"", "roles\"", "rolebindings\"", "clusterroles\"", "clusterrolebindings\"",
        "certificatesigningrequests\"", NULL};
    for (place at = verb; (at = FIND(at, end, "\"resource\""));) {
        at += sizeof("\"resource\"") - 1;
        if (value_is(at, end, kinds)) return 1;
    }
    return 0;
}

static int drops_create(place verb, place end) {
    return !FIND(verb, end, "reviews\"") && !FIND(verb, end, "\"subresource\"") && !makes_what_is_kept(verb, end) &&
           !hides_letters(verb, end);
}

/* Most writes are passed over; the others are told by their target. */
static int drops_write(place start, place verb) {
    place end, uri = target(start, verb, &end);
    if (!uri || memchr(uri, '%', (size_t)(end - uri)) || BEGINS(uri, end, "/apis/rbac.authorization.k8s.io/")) return 0;
    place query = memchr(uri, '?', (size_t)(end - uri)), stop = query ? query : end;
    if (query && FIND(query, end, "dryRun")) return 0;
    return !ENDS(uri, stop, "/approval") && !ENDS(uri, stop, "/ephemeralcontainers");
}

/* Two events in one line, their line end lost. */
static int glued(place from, place end) {
    for (from++; from < end && (from = memchr(from, '{', (size_t)(end - from))); from++)
        if (from[-1] == '}') return 1;
    return 0;
}

static int drops(place start, place end) {
    if (!BEGINS(start, end, BEGINNING) || end[-1] != '}') return 0;
    place verb = FIND(start, end, VERB);
    if (!verb || end - verb < 16 || memchr(start + 1, '{', (size_t)(verb - start - 1))) return 0;
    place word = verb + sizeof(VERB) - 1;
    int drop = 0;
    if (!memcmp(word, "upd", 3) || !memcmp(word, "pat", 3) || !memcmp(word, "del", 3)) drop = drops_write(start, verb);
    else if (!memcmp(word, "get\"", 4)) drop = drops_get(start, verb, end);
    else if (!memcmp(word, "watch\"", 6)) drop = drops_watch(start, verb);
    else if (!memcmp(word, "create\"", 7)) drop = drops_create(verb, end);
    return drop && !glued(verb, end);
}

static PyObject *worth_parsing(PyObject *self, PyObject *data) {
    (void)self;
    Py_buffer buffer;
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE)) return NULL;
    PyObject *kept = PyList_New(0);
    place start = buffer.buf, stop = start + buffer.len, base = start;
    Py_ssize_t line = 0;
    while (kept && start < stop) {
        place end = memchr(start, '\n', (size_t)(stop - start));
        if (!end) end = stop;
        if (end == start || !drops(start, end)) {
            PyObject *item = Py_BuildValue("(nnn)", (Py_ssize_t)(start - base), (Py_ssize_t)(end - base), line);
            if (!item || PyList_Append(kept, item)) Py_CLEAR(kept);
            Py_XDECREF(item);
        }
        start = end + 1;
        line++;
    }
    PyBuffer_Release(&buffer);
    return kept ? Py_BuildValue("(Nn)", kept, line) : NULL;
}

static PyMethodDef methods[] = {
    {"worth_parsing", worth_parsing, METH_O, "Give the lines that may hold something to keep, and how many lines there are."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_triage", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__triage(void) { return PyModule_Create(&module); }
