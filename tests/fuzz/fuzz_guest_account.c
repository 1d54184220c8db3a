/* A user, and the files of an image that it is looked up in. */
#include "guest/script/account.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text((struct fuzz_bytes){data, size});
    char *next = text;
    const char *user = strsep(&next, "|"), *passwd = strsep(&next, "|");
    struct account account;

    if (account_find(user, passwd, next, &account) == NULL) {
        fuzz_expect(account.count > 0 && account.groups[0] == account.gid);
        fuzz_expect(account.uid <= INT32_MAX && account.gid <= INT32_MAX);
        fuzz_expect(*account.home != '\0');
    }
    account_free(&account);
    free(text);
    return 0;
}
