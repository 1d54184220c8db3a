/* A hostile registry, and what is done with it: the first byte chooses that, and each connection
 * gets the next of the input's pieces as an answer, whatever it asked for. Nothing is sent
 * anywhere: all connections lead to a pair of sockets. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/registry/registry_bundle.h"
#include "host/registry/registry_pull.h"
#include "host/registry/registry_push.h"
#include "host/registry/repository.h"
#include "host/registry/tag_list.h"
#include "tests/fuzz/fuzz.h"

#define CONNECTIONS_MAX 64

enum task { PULL, PULL_BUNDLE, PUSH, PUSH_BUNDLE, LIST_TAGS, CHECK, TASKS };

#define WITH_CREDENTIAL 16
#define WITH_IDENTITY_TOKEN 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct fuzz_bytes answers;
static int servers[CONNECTIONS_MAX];
static size_t server_count;

static char *auth_file, *blob_path;
static struct digest blob_digest;
static const char blob[] = "a blob";

/* In place of libc's, for the pauses between tries. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)wanted, (void)left;
    return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: a connection to a server that has sent its answer already. What it
 * cannot take at once is lost. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    int ends[2] = {-1, -1};

    (void)context, (void)purpose, (void)address;
    pthread_mutex_lock(&lock);
    if (answers.size > 0 && server_count < CONNECTIONS_MAX) {
        struct fuzz_bytes answer = fuzz_piece(&answers);

        fuzz_expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        (void)send(ends[1], answer.data, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(ends[1], SHUT_WR);
        servers[server_count++] = ends[1];
    }
    pthread_mutex_unlock(&lock);
    return ends[0] >= 0 ? ends[0] : CURL_SOCKET_BAD;
}

/* In place of libc's: the sockets are connected. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)address, (void)length;
    return 0;
}

/* In place of libcurl's, which it calls: whatever host a redirect or a token server has, it is not
 * looked for. */
CURLcode curl_easy_perform(CURL *curl)
{
    CURLcode (*perform)(CURL *) = (CURLcode(*)(CURL *))dlsym(RTLD_NEXT, "curl_easy_perform");
    struct curl_slist *places = curl_slist_append(NULL, "::127.0.0.1:");

    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, places);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    CURLcode code = perform(curl);

    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, NULL);
    curl_slist_free_all(places);
    return code;
}

static void clean_up(void)
{
    temporary_remove_all();
    free(auth_file);
    free(blob_path);
}

/* Makes a file with TEXT, a temporary. */
static char *make_file(const char *text)
{
    char *path;
    int fd;

    fuzz_expect(temporary_file("/dev/shm", "registry", &path, &fd) == NULL &&
                write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

/* Nothing of the user's is read. */
static void set_up(void)
{
    static const char *const variables[] = {
        "HOME",        "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "http_proxy",    "https_proxy",
        "HTTPS_PROXY", "all_proxy",       "ALL_PROXY",       "DOCKER_CONFIG", "SSL_CERT_DIR"};

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("CONTAINERS_REGISTRIES_CONF", "/dev/null", 1);
    setenv("TMPDIR", "/dev/shm", 1);
    fuzz_expect(temporary_setup() == NULL && atexit(clean_up) == 0);
    auth_file = make_file("{\"auths\": {\"127.0.0.1:1\": {\"identitytoken\": \"secret\"}}}");
    blob_path = make_file(blob);
    digest_of(blob, strlen(blob), &blob_digest);
}

/* Returns an image to be pushed. */
static struct image *make_image(void)
{
    struct image *image = xcalloc(1, sizeof *image);
    struct layer layer = {.diff_id = blob_digest, .size = strlen(blob)};

    image->config = json_object();
    json_set(image->config, "architecture", json_string("amd64"));
    layer.tar_path = xstrdup(blob_path);
    layer.blob.path = xstrdup(blob_path);
    layer.blob.digest = blob_digest;
    layer.blob.size = strlen(blob);
    image_add_layer(image, layer);
    return image;
}

static struct error *push(const struct reference *reference, const struct image_request *request)
{
    CLEANUP(image_freep) struct image *image = make_image();
    struct digest digest;

    return registry_push(image, reference, 1, &request->registry, request->store, &digest);
}

static struct error *pull(const struct reference *reference, const struct image_request *request)
{
    CLEANUP(image_freep) struct image *image = NULL;

    return registry_pull(reference, request, &image);
}

static struct error *copy(const struct reference *reference, const struct image_request *request,
                          bool pushes)
{
    struct image_bundle bundle = {0};
    struct error *err = registry_pull_bundle(reference, request, false, &bundle);

    if (err == NULL && pushes)
        err = registry_push_bundle(&bundle, reference, 1, &request->registry, request->store);
    image_bundle_free(&bundle);
    return err;
}

static struct error *list_tags(const struct reference *reference,
                               const struct image_request *request)
{
    CLEANUP(strings_free) struct strings tags = {0};

    return tag_list(reference, &request->registry, &tags);
}

static struct error *check(const struct reference *reference, const struct image_request *request)
{
    CLEANUP(repository_freep) struct repository *repository = NULL;
    const struct repository_options options = {.access = &request->registry};

    TRY(repository_open(reference, &options, &repository));
    return repository_check(repository);
}

static struct error *carry_out(unsigned int task, const struct reference *reference,
                               const struct image_request *request)
{
    switch ((enum task)(task % TASKS)) {
    case PULL:
        return pull(reference, request);
    case PULL_BUNDLE:
        return copy(reference, request, false);
    case PUSH:
        return push(reference, request);
    case PUSH_BUNDLE:
        return copy(reference, request, true);
    case LIST_TAGS:
        return list_tags(reference, request);
    case CHECK:
    case TASKS:
        break;
    }
    return check(reference, request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_request request = {.forms = LAYER_TAR | LAYER_BLOB,
                                    .choice.architecture = "amd64",
                                    .registry.plain_http = true};
    struct reference reference = {0};

    if (blob_path == NULL)
        set_up();
    answers = (struct fuzz_bytes){data, size};
    unsigned int head = fuzz_byte(&answers);

    if ((head & WITH_CREDENTIAL) != 0) {
        request.registry.user = "user";
        request.registry.password = "password";
    }
    if ((head & WITH_IDENTITY_TOKEN) != 0)
        request.registry.auth_file = auth_file;
    fuzz_expect(store_open(NULL, true, &request.store) == NULL &&
                reference_parse("docker://127.0.0.1:1/name:tag", &reference) == NULL);
    error_free(carry_out(head & 15, &reference, &request));
    reference_free(&reference);
    store_free(request.store);
    while (server_count > 0)
        close(servers[--server_count]);
    return 0;
}
