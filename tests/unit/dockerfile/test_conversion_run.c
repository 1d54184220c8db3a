/* What RUN, and the commands of an image, become in a spec. */
#include "tests/unit/dockerfile/fixture.h"

static void test_commands(void **state)
{
    (void)state;
    becomes(
        "FROM node AS a\nRUN [\"a\", \"$b\"]\nRUN c $D\nSHELL [\"/bin/sh\", \"-c\"]\nRUN e\nCMD f\n"
        "ENTRYPOINT g",
        "{'a-1':{'fromImage':'docker://node','run':['a','$b'],'network':true},"
        "'a-2':{'fromImage':{'use':'a-1'},'run':['/bin/bash','-c','c $D'],'network':true},"
        "'a-3':{'fromImage':{'use':'a-2'},'config':{'Shell':['/bin/sh','-c']},'run':'e',"
        "'network':true},"
        "'a':{'fromImage':{'use':'a-3'},'config':{'Cmd':['/bin/sh','-c','f'],'Entrypoint':["
        "'/bin/sh','-c','g']}}}");
}

static void test_an_entrypoint_takes_the_command_of_the_base(void **state)
{
    (void)state;
    becomes("FROM node AS a\nENTRYPOINT [\"x\"]\nFROM a AS b\nRUN y",
            "{'a':{'fromImage':'docker://node','config':{'Entrypoint':['x']}},"
            "'b':{'fromImage':{'use':'a'},'run':['/bin/bash','-c','y'],'network':true}}");
    becomes(
        "FROM debian AS a\nCMD [\"c\"]\nRUN y\nENTRYPOINT [\"x\"]",
        "{'a-1':{'fromImage':'docker://debian','config':{'Cmd':['c']},'run':'y','network':true},"
        "'a':{'fromImage':{'use':'a-1'},'config':{'Cmd':['c'],'Entrypoint':['x']}}}");
}

static void test_mounts(void **state)
{
    (void)state;
    becomes("FROM debian AS a\nARG T=/t\nRUN --mount=type=cache,target=$T,sharing=locked "
            "--mount=type=secret,id=s,required --mount=from=debian,source=/x,target=/y,rw b",
            "{'a':{'fromImage':'docker://debian','run':'b','network':true,'mounts':["
            "{'type':'cache','target':'/t','sharing':'locked'},"
            "{'type':'secret','id':'s','required':true},"
            "{'type':'bind','target':'/y','image':'docker://debian','path':'/x','writable':true}],"
            "'env':{'T':'/t'}}}");
    becomes("FROM debian AS a\nRUN b\nFROM debian AS c\n"
            "RUN --mount=type=bind,from=a,source=../x/.,target=/y --mount=type=bind,from=0,source=/"
            ",target=/z --mount=type=Cache,id=,target=/c,sharing=LOCKED,mode=0700,uid=1,gid=2 d",
            "{'a':{'fromImage':'docker://debian','run':'b','network':true},"
            "'c':{'fromImage':'docker://debian','run':'d','network':true,'mounts':["
            "{'type':'bind','target':'/y','image':{'use':'a'},'path':'/x'},"
            "{'type':'bind','target':'/z','image':{'use':'a'}},"
            "{'type':'cache','target':'/c','sharing':'locked','mode':'0700','uid':'1','gid':'2'}"
            "]}}");
    becomes("FROM debian AS a\nRUN --mount=type=secret,target=/k/,mode=0444 "
            "--mount=type=secret,src=s,env=S,target=/t b",
            "{'a':{'fromImage':'docker://debian','run':'b','network':true,'mounts':["
            "{'type':'secret','id':'k','target':'/k','mode':'0444'},"
            "{'type':'secret','target':'/t','id':'s','env':'S'}]}}");
}

/* As BuildKit mounts them: what lies in another one after that, and the last one over others. */
static void test_mounts_at_one_place(void **state)
{
    (void)state;
    becomes("FROM debian AS a\nRUN --mount=type=tmpfs,target=/m/x/y --mount=type=tmpfs,target=/z "
            "--mount=type=tmpfs,target=/m/x --mount=type=tmpfs,target=/m/x --mount=type=cache,"
            "target=/m/,id=c --mount=type=tmpfs,target=/mn b",
            "{'a':{'fromImage':'docker://debian','run':'b','network':true,'mounts':["
            "{'type':'cache','id':'c','target':'/m'},{'type':'tmpfs','target':'/m/x'},"
            "{'type':'tmpfs','target':'/m/x/y'},{'type':'tmpfs','target':'/z'},"
            "{'type':'tmpfs','target':'/mn'}]}}");
    becomes("FROM debian AS a\nRUN --mount=type=secret,id=s --mount=type=tmpfs,target=/run "
            "--mount=type=bind,target=/run/secrets/s --mount=type=secret,id=s,env=S "
            "--mount=type=secret,id=s,env=S b",
            "{'a':{'fromImage':'docker://debian','run':'b','network':true,'mounts':["
            "{'type':'tmpfs','target':'/run'},{'type':'secret','id':'s'},"
            "{'type':'secret','id':'s','env':'S'},{'type':'secret','id':'s','env':'S'}]}}");
    becomes(
        "FROM debian AS a\nRUN --mount=type=tmpfs,target=/m --mount=type=secret,id=s,target=/m b",
        "{'a':{'fromImage':'docker://debian','run':'b','network':true,'mounts':["
        "{'type':'secret','id':'s','target':'/m'}]}}");
    refuses(
        "FROM debian\nRUN --mount=type=bind,From=$X,target=/m b",
        "read 'Dockerfile': line 2: RUN: '--mount=type=bind,From=$X,target=/m': 'From=$X' has a "
        "variable");
}

static void test_mounts_start_from_the_working_directory(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    options.ignore_file = ".dockerignore";
    becomes_by(
        &options,
        "FROM node AS a\nRUN --mount=target=src/.,source=src --mount=type=secret,target=/t/k "
        "--mount=type=secret,id=v,env=V --mount=type=tmpfs,target=../x/,size=1m b",
        "{'a':{'fromImage':'docker://node','run':['/bin/bash','-c','b'],'network':true,"
        "'mounts':[{'type':'bind','target':'/home/src','source':'.','excludeFile':"
        "'.dockerignore','path':'/src'},{'type':'secret','id':'k','target':'/t/k'},"
        "{'type':'secret','id':'v','env':'V'},{'type':'tmpfs','target':'/x','size':'1m'}]}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_an_entrypoint_takes_the_command_of_the_base),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_mounts_at_one_place),
        cmocka_unit_test(test_mounts_start_from_the_working_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
