/* Which files are taken for the secret. */
#include "peer/secret_file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct mode_case {
    mode_t mode;
    bool fine;
};

ParameterizedTestParameters(secret_file, mode)
{
    static struct mode_case cases[] = {{0600, true},  {0400, true},  {0440, true},  {0640, true},
                                       {0660, false}, {0644, false}, {0602, false}, {0604, false}};
    return cr_make_param_array(struct mode_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static void make(char path[64], const char *text, mode_t mode)
{
    snprintf(path, 64, "/tmp/roomd-unit-file-%d", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(sz, (size_t)write(fd, text, strlen(text)), strlen(text)));
    fchmod(fd, mode);
    close(fd);
}

ParameterizedTest(struct mode_case *c, secret_file, mode)
{
    char path[64];
    struct secrets secrets;
    struct buf why = {0};
    make(path, "0123456789abcdef0123456789abcdef\n", c->mode);
    enum err err = secret_file_read(path, &secrets, &why);
    cr_assert(eq(int, err, c->fine ? ERR_OK : ERR_USAGE), "%o", c->mode);
    cr_assert(c->fine || memmem(buf_head(&why), buf_len(&why), "chmod 600", 9));
    unlink(path);
    buf_finish(&why);
}

Test(secret_file, says_what_is_wrong)
{
    char path[64];
    struct secrets secrets;
    struct buf why = {0};
    cr_assert(eq(int, secret_file_read("/nonexistent/secret", &secrets, &why), ERR_USAGE));
    cr_assert(str_eq(buf_str(&why),
                     STR("cluster secret file /nonexistent/secret: No such file or directory")));
    buf_clear(&why, 0);
    cr_assert(eq(int, secret_file_read("/tmp", &secrets, &why), ERR_USAGE));
    cr_assert(str_eq(buf_str(&why), STR("cluster secret file /tmp: it is not a regular file")));
    make(path, "short\n", 0600);
    cr_assert(eq(int, secret_file_read(path, &secrets, &why), ERR_USAGE));
    unlink(path);
    buf_finish(&why);
}
