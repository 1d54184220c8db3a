/* What COPY, ADD and documents in the Dockerfile become in a spec. */
#include "tests/unit/dockerfile/fixture.h"

#define DIGITS "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd"

static void test_documents(void **state)
{
    (void)state;
    becomes("FROM debian AS a\nRUN <<EOF\na\nb\nEOF\nRUN <<-EOF\n\t#!/bin/x\n\tc\n\tEOF\n"
            "RUN cat <<A <<'B' > d\n1\nA\n2\nB",
            "{'a-1':{'fromImage':'docker://debian','run':'a\\nb\\n','network':true},"
            "'a-2':{'fromImage':{'use':'a-1'},'run':'#!/bin/x\\nc\\n','network':true},"
            "'a':{'fromImage':{'use':'a-2'},'run':'cat <<A <<'B' > d\\n1\\nA\\n2\\nB','network':"
            "true}}");
    becomes("FROM debian AS a\nENV X=1\nCOPY <<A <<'B' c /d/\n$X \\$X\nA\n$X\nB",
            "{'a':{'fromImage':'docker://debian','config':{'Env':['X=1']},'contents':["
            "{'name':'A','text':'1 $X\\n','target':'/d/'},"
            "{'name':'B','text':'$X\\n','target':'/d/'},"
            "{'source':'.','path':'/c','target':'/d/'}]}}");
}

static void test_copies(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    becomes("FROM debian AS a\nCOPY --from= b /",
            "{'a':{'fromImage':'docker://debian','contents':[{'source':'.','path':'/b','target':'/'"
            "}]}}");
    options.folder = "src";
    options.ignore_file = "src/.dockerignore";
    becomes_by(&options,
               "FROM debian AS a\nWORKDIR /srv\nENV N=n\nCOPY --chown=$N:1 --chmod=755 a ../b/ .\n"
               "ADD --exclude=*.x [\"c d\", \"e\"]",
               "{'a-1':{'fromImage':'docker://debian','config':{'WorkingDir':'/srv'},'contents':["
               "{'directory':'/srv'}]},"
               "'a-2':{'fromImage':{'use':'a-1'},'config':{'Env':['N=n']},'contents':["
               "{'source':'src','path':'/a','excludeFile':'src/.dockerignore','target':'/srv/',"
               "'owner':'n:1','mode':'755'},"
               "{'source':'src','path':'/b/','excludeFile':'src/.dockerignore','target':'/srv/',"
               "'owner':'n:1','mode':'755'}]},"
               "'a':{'fromImage':{'use':'a-2'},'contents':["
               "{'source':'src','path':'/c d','excludeFile':'src/.dockerignore','unpack':true,"
               "'target':'/srv/e','ignore':['*.x']}]}}");
    becomes("FROM debian AS a\nADD --checksum=sha256:" DIGITS " https://h/f.tar /d/",
            "{'a':{'fromImage':'docker://debian','contents':[{'url':'https://h/f.tar','target':'/d/"
            "','checksum':'sha256:" DIGITS "'}]}}");
    refuses("FROM debian\nADD --checksum=sha256:ab https://h/f.tar /d/",
            "read 'Dockerfile': line 2: ADD: '--checksum=sha256:ab' is not a digest");
    refuses("FROM debian\nCOPY --chmod=789 a /d/",
            "read 'Dockerfile': line 2: COPY: '--chmod=789' is not a mode");
    refuses("FROM debian\nCOPY --chmod=u=rwx, a /d/",
            "read 'Dockerfile': line 2: COPY: '--chmod=u=rwx,' is not a mode");
    becomes("FROM debian AS a\nCOPY --link --chmod=u=rwX,go+r a /d/",
            "{'a':{'fromImage':'docker://debian','contents':[{'source':'.','path':'/a','target':"
            "'/d/','mode':'u=rwX,go+r'}]}}");
    becomes("FROM debian AS a\nCOPY --parents x/../y/./b/ /./c d/./e",
            "{'a':{'fromImage':'docker://debian','contents':["
            "{'source':'.','path':'/y/./b/','parents':true,'target':'/d/e'},"
            "{'source':'.','path':'/./c','parents':true,'target':'/d/e'}]}}");
    becomes("FROM debian AS a\nCOPY a.json a-lock.json* /d/",
            "{'a':{'fromImage':'docker://debian','contents':["
            "{'source':'.','path':'/a.json','target':'/d/'},"
            "{'source':'.','path':'/a-lock.json*','optional':true,'target':'/d/'}]}}");
    refuses("FROM debian\nADD https://h/r.git#main /d",
            "read 'Dockerfile': line 2: ADD: 'https://h/r.git#main': Git repositories are not "
            "fetched");
    refuses("FROM debian\nCOPY https://h/f /d",
            "read 'Dockerfile': line 2: COPY: 'https://h/f' is a URL");
    refuses("FROM debian\nCOPY --from=$X /a /b",
            "read 'Dockerfile': line 2: COPY: '--from=$X' has a variable");
}

static void test_owners(void **state)
{
    (void)state;
    becomes("FROM scratch AS a\nUSER root\nCOPY --chown=root:root a /\nCOPY --chown=:9 a /\n"
            "COPY --chown=app: a /\nCOPY --chown=root a /\nCOPY --chown= a /\nWORKDIR /w",
            "{'a-1':{'config':{'WorkingDir':'/','Env':['PATH=/usr/local/sbin:/usr/local/bin:"
            "/usr/sbin:/usr/bin:/sbin:/bin'],'User':'root'},'contents':[{'source':'.','path':'/a',"
            "'target':'/','owner':'0:0'}]},"
            "'a-2':{'fromImage':{'use':'a-1'},'contents':[{'source':'.','path':'/a','target':'/',"
            "'owner':'0:9'}]},"
            "'a-3':{'fromImage':{'use':'a-2'},'contents':[{'source':'.','path':'/a','target':'/',"
            "'owner':'app'}]},"
            "'a-4':{'fromImage':{'use':'a-3'},'contents':[{'source':'.','path':'/a','target':'/',"
            "'owner':'0'}]},"
            "'a-5':{'fromImage':{'use':'a-4'},'contents':[{'source':'.','path':'/a','target':'/'}]"
            "},"
            "'a':{'fromImage':{'use':'a-5'},'config':{'WorkingDir':'/w'},'contents':[{'directory':"
            "'/w','owner':'0'}]}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_owners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
