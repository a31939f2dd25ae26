/* The token that opens the console. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"

static bool is_token(const char *text) {
    size_t length = strlen(text);
    if (length < CONSOLE_TOKEN_MIN || length > CONSOLE_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

/* The first line of an open file. */
static bool read_token(int file, char text[CONSOLE_TOKEN_MAX + 1]) {
    size_t length = 0;
    ssize_t n = 0;
    while (length < CONSOLE_TOKEN_MAX &&
           (n = read(file, text + length, CONSOLE_TOKEN_MAX - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return n >= 0 && is_token(text);
}

static int from_file(struct console_token *token, const char *path, char *error, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        snprintf(error, size, "%s: %s", path, strerror(errno));
        return 0;
    }
    struct stat status;
    int good = read_token(file, token->text);
    if (!good)
        snprintf(error, size, "%s: the first line must be a token of %d to %d printable characters",
                 path, CONSOLE_TOKEN_MIN, CONSOLE_TOKEN_MAX);
    else if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
             (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        fprintf(stderr, "perpcore-console: warning: %s can be read by others (chmod 600)\n", path);
    close(file);
    return good;
}

/* $XDG_RUNTIME_DIR/perpcore, or ~/.config/perpcore. perpctl looks in the same places. */
static int own_folder(char *path, size_t size) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int length;
    if (runtime != NULL && *runtime == '/') {
        length = snprintf(path, size, "%s/perpcore", runtime);
    } else if (config != NULL && *config == '/') {
        mkdir(config, 0700);
        length = snprintf(path, size, "%s/perpcore", config);
    } else if (home != NULL && *home == '/') {
        length = snprintf(path, size, "%s/.config", home);
        if (length > 0 && (size_t)length < size)
            mkdir(path, 0700);
        length = snprintf(path, size, "%s/.config/perpcore", home);
    } else {
        return 0;
    }
    if (length < 0 || (size_t)length >= size)
        return 0;
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* A token that an earlier console left, if nobody else could have read or written it. */
static bool from_before(struct console_token *token) {
    int file = open(token->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    struct stat status;
    bool good = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                status.st_uid == geteuid() && (status.st_mode & 07777) == 0600 &&
                read_token(file, token->text);
    close(file);
    return good;
}

static bool make_token(char text[CONSOLE_TOKEN_MAX + 1]) {
    unsigned char bytes[32];
    int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t length = 0;
    ssize_t n = 0;
    while (length < sizeof bytes && (n = read(file, bytes + length, sizeof bytes - length)) > 0)
        length += (size_t)n;
    close(file);
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return length == sizeof bytes;
}

static bool write_token(const struct console_token *token) {
    char temporary[sizeof token->path + 16];
    snprintf(temporary, sizeof temporary, "%s.new", token->path);
    unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return false;
    size_t length = strlen(token->text);
    bool good = fchmod(file, 0600) == 0 && write(file, token->text, length) == (ssize_t)length &&
                write(file, "\n", 1) == 1;
    good = close(file) == 0 && good;
    good = good && rename(temporary, token->path) == 0;
    if (!good)
        unlink(temporary);
    return good;
}

bool console_token_given(const struct console_options *options) {
    const char *environment = getenv("PERPCORE_TOKEN");
    return options->token_file != NULL || (environment != NULL && *environment != '\0');
}

int console_token_get(struct console_token *token, const struct console_options *options,
                      unsigned port, char *error, size_t size) {
    memset(token, 0, sizeof *token);
    token->given = console_token_given(options);
    if (options->token_file != NULL)
        return from_file(token, options->token_file, error, size);
    if (token->given) {
        const char *environment = getenv("PERPCORE_TOKEN");
        if (environment == NULL || !is_token(environment)) {
            snprintf(error, size, "PERPCORE_TOKEN must have %d to %d printable characters",
                     CONSOLE_TOKEN_MIN, CONSOLE_TOKEN_MAX);
            return 0;
        }
        snprintf(token->text, sizeof token->text, "%s", environment);
        return 1;
    }
    char folder[sizeof token->path - 32];
    if (!own_folder(folder, sizeof folder)) {
        snprintf(error, size, "no folder for the token: set HOME, or give --token-file");
        return 0;
    }
    snprintf(token->path, sizeof token->path, "%s/token-%u", folder, port);
    if (from_before(token))
        return 1;
    if (make_token(token->text) && write_token(token))
        return 1;
    snprintf(error, size, "%s: the token cannot be written: %s", token->path, strerror(errno));
    return 0;
}

/* Takes as long for any text of a length, right or wrong. */
bool console_token_is(const struct console_token *token, const char *text) {
    size_t own = strlen(token->text), length = strlen(text);
    if (length > CONSOLE_TOKEN_MAX)
        return false;
    volatile unsigned char differ = own != length;
    for (size_t i = 0; i < length; i++)
        differ |= (unsigned char)(text[i] ^ token->text[i % own]);
    return differ == 0;
}
