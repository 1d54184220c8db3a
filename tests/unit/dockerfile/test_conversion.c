/* What a Dockerfile becomes as a spec. */
#include "tests/unit/dockerfile/fixture.h"

static void test_one_node_for_each_layer(void **state)
{
    (void)state;
    becomes("FROM debian AS app\nENV LANG=C\nRUN make\nCMD [\"app\"]",
            "{'app-1':{'fromImage':'docker://debian','config':{'Env':['LANG=C']},'run':'make',"
            "'network':true},"
            "'app':{'fromImage':{'use':'app-1'},'config':{'Cmd':['app']}}}");
    becomes("FROM debian\nRUN a\nRUN --network=none b",
            "{'stage-0-1':{'fromImage':'docker://debian','run':'a','network':true},"
            "'stage-0':{'fromImage':{'use':'stage-0-1'},'run':'b'}}");
    becomes("FROM debian", "{'stage-0':{'fromImage':'docker://debian'}}");
}

static void test_scratch_has_a_path(void **state)
{
    (void)state;
    becomes("FROM scratch\nLABEL a=b", "{'stage-0':{'config':{'WorkingDir':'/','Env':['PATH=/usr/"
                                       "local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                       "/sbin:/bin'],'Labels':{'a':'b'}},'emptyLayer':false}}");
}

static void test_a_time_for_all_images(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    becomes("ARG SOURCE_DATE_EPOCH=86400\nFROM debian AS a\nRUN b\nUSER c",
            "{'a-1':{'fromImage':'docker://debian','created':'1970-01-02T00:00:00Z','run':'b',"
            "'network':true},"
            "'a':{'fromImage':{'use':'a-1'},'created':'1970-01-02T00:00:00Z','config':{'User':'c'}"
            "}}");
    becomes("ARG SOURCE_DATE_EPOCH\nFROM debian AS a", "{'a':{'fromImage':'docker://debian'}}");
    becomes("ARG SOURCE_DATE_EPOCH=\nFROM debian AS a", "{'a':{'fromImage':'docker://debian'}}");
    strings_add(&options.arguments, "SOURCE_DATE_EPOCH=253402300799");
    becomes_by(&options, "ARG SOURCE_DATE_EPOCH=1\nFROM debian AS a\nARG SOURCE_DATE_EPOCH\nRUN b",
               "{'a':{'fromImage':'docker://debian','created':'9999-12-31T23:59:59Z','run':'b',"
               "'network':true,'env':{'SOURCE_DATE_EPOCH':'253402300799'}}}");
    strings_free(&options.arguments);
    refuses(
        "ARG SOURCE_DATE_EPOCH=253402300800\nFROM debian",
        "read 'Dockerfile': the ARG SOURCE_DATE_EPOCH must be a whole number of seconds between "
        "0 and 253402300799, not '253402300800'");
    refuses(
        "ARG SOURCE_DATE_EPOCH=context\nFROM debian",
        "read 'Dockerfile': the ARG SOURCE_DATE_EPOCH must be a whole number of seconds between "
        "0 and 253402300799, not 'context'");
}

/* Variables that double one another. */
static void test_the_length_of_all_values(void **state)
{
    struct buffer text = {0};

    (void)state;
    buffer_printf(&text, "FROM debian\nARG A=0123456789abcdef\n");
    for (int i = 0; i < 16; i++)
        buffer_printf(&text, "ARG A=$A$A\n");
    for (int i = 0; i < 70; i++)
        buffer_printf(&text, "RUN a\n");
    refuses(text.data,
            "read 'Dockerfile': line 80: RUN: what variables become has more than 64 MiB "
            "in all");
    buffer_free(&text);
    buffer_printf(&text, "FROM debian\nARG A=0123456789abcdef\n");
    for (int i = 0; i < 16; i++)
        buffer_printf(&text, "ARG A=$A$A\n");
    for (int i = 0; i < 70; i++)
        buffer_printf(&text, "LABEL a%d=$A\n", i);
    refuses(text.data, "read 'Dockerfile': line 80: LABEL: what variables become has more than 64 "
                       "MiB in all");
    buffer_free(&text);
}

/* A base that is not as Docker makes them. */
static void test_a_base_with_odd_variables(void **state)
{
    (void)state;
    becomes(
        "FROM odd AS a\nENV A=$B\nRUN b",
        "{'a':{'fromImage':'docker://odd','config':{'Env':['PATH=/usr/local/sbin:/usr/local/bin:"
        "/usr/sbin:/usr/bin:/sbin:/bin','A=2']},'run':'b','network':true}}");
}

static void test_names_do_not_collide(void **state)
{
    (void)state;
    becomes("FROM debian AS a-1\nFROM debian AS a\nRUN x\nCOPY --from=a-1 /y /z",
            "{'a-1':{'fromImage':'docker://debian'},"
            "'a-1-layer':{'fromImage':'docker://debian','run':'x','network':true},"
            "'a':{'fromImage':{'use':'a-1-layer'},'contents':[{'image':{'use':'a-1'},'path':'/y',"
            "'target':'/z'}]}}");
}

static void test_stages(void **state)
{
    struct conversion_options options = defaults();
    static const char text[] = "FROM debian AS one\nRUN a\nFROM one AS two\nRUN b\nFROM debian\n"
                               "COPY --from=One /c /d\nCOPY --from=1 /e /f";

    (void)state;
    becomes(text, "{'one':{'fromImage':'docker://debian','run':'a','network':true},"
                  "'two':{'fromImage':{'use':'one'},'run':'b','network':true},"
                  "'stage-2-1':{'fromImage':'docker://debian','contents':[{'image':{'use':'one'},"
                  "'path':'/c','target':'/d'}]},"
                  "'stage-2':{'fromImage':{'use':'stage-2-1'},'contents':[{'image':{'use':'two'},"
                  "'path':'/e','target':'/f'}]}}");
    options.target = "TWO";
    becomes_by(&options, text,
               "{'one':{'fromImage':'docker://debian','run':'a','network':true},"
               "'two':{'fromImage':{'use':'one'},'run':'b','network':true}}");
}

static void test_a_later_stage_is_no_source(void **state)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};

    (void)state;
    options.target = "a";
    struct error *err =
        convert("FROM debian AS a\nCOPY --from=b /a /\nFROM debian AS b", &options, &result);

    assert_string_equal(err != NULL ? err->message : "no error",
                        "read 'Dockerfile': line 2: COPY: the stage 'b' is not "
                        "before this one");
    error_free(err);
    refuses("FROM debian\nCOPY --from=0 /a /",
            "read 'Dockerfile': line 2: COPY: the stage 0 is not before this one");
    options.target = "c";
    err = convert("FROM debian AS a\nFROM debian AS b", &options, &result);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_USAGE);
    error_free(err);
}

static void test_errors_are_located_once(void **state)
{
    (void)state;
    refuses("FROM debian AS a\nRUN --network=x b\nFROM a\nRUN c",
            "read 'Dockerfile': line 2: RUN: '--network' must be one of default, none");
    refuses("FROM debian\nFROM unknown",
            "read 'Dockerfile': line 2: FROM: docker://unknown is unknown");
    refuses("FROM debian\nRUN --mount=type=ssh a",
            "read 'Dockerfile': line 2: RUN: '--mount=type=ssh': the type ssh is not supported");
    refuses("FROM debian\nRUN --mount=type=cache,target=/c,from=debian a",
            "read 'Dockerfile': line 2: RUN: '--mount=type=cache,target=/c,from=debian': a cache "
            "with 'from' is not supported");
    refuses("FROM debian\nRUN --mount=type=cache,target=/c,source=a a",
            "read 'Dockerfile': line 2: RUN: '--mount=type=cache,target=/c,source=a': a cache with "
            "'source' is not supported");
    refuses("FROM debian\nRUN --mount=type=cache,target=/c,ro a",
            "read 'Dockerfile': line 2: RUN: '--mount=type=cache,target=/c,ro': only a mount "
            "type=bind can be read-only");
    refuses("# syntax=example.com/other\nFROM debian",
            "read 'Dockerfile': the syntax 'example.com/other' is not known");
    refuses("FROM debian\nENV A=${B", "read 'Dockerfile': line 2: ENV: '}' of a substitution is "
                                      "missing");
}

static void test_arguments(void **state)
{
    struct conversion_options options = defaults();
    static const char text[] = "ARG BASE=debian\nARG V=1\nFROM $BASE AS a\nARG V W=${V}x X\n"
                               "ENV V=2\nRUN a\nFROM a AS b\nRUN $W";

    (void)state;
    becomes(text, "{'a':{'fromImage':'docker://debian','config':{'Env':['V=2']},'run':'a',"
                  "'network':true,'env':{'W':'1x'}},"
                  "'b':{'fromImage':{'use':'a'},'run':'$W','network':true,'env':{'W':'1x'}}}");
    strings_add(&options.arguments, "W=y=z");
    strings_add(&options.arguments, "X=");
    strings_add(&options.arguments, "BASE=scratch");
    options.target = "a";
    becomes_by(&options, text,
               "{'a':{'config':{'WorkingDir':'/','Env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/"
               "sbin:/usr/bin:"
               "/sbin:/bin','V=2']},'run':'a','network':true,'env':{'W':'y=z','X':''}}}");
    strings_free(&options.arguments);
}

static void test_platforms(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    options.architecture = "arm/v7";
    becomes_by(&options,
               "FROM --platform=$BUILDPLATFORM debian AS a\nARG TARGETPLATFORM TARGETARCH "
               "TARGETVARIANT\nLABEL p=$TARGETPLATFORM a=$TARGETARCH v=$TARGETVARIANT b=$BUILDARCH",
               "{'a':{'fromImage':'docker://debian','architecture':'amd64','config':{'Labels':{"
               "'p':'linux/arm/v7','a':'arm','v':'v7','b':''}}}}");
    becomes_by(&options, "FROM debian AS a",
               "{'a':{'fromImage':'docker://debian','architecture':'arm/v7'}}");
    refuses("FROM --platform=linux/arm64 debian AS a\nFROM a\nRUN x",
            "read 'Dockerfile': line 3: RUN: commands run on amd64, and the image is for arm64");
    refuses("FROM --platform=windows/amd64 debian",
            "read 'Dockerfile': line 1: FROM: the platform 'windows/amd64' is not Linux");
}

static void test_build_contexts(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    strings_add(&options.contexts, "debian:12=base.tar");
    strings_add(&options.contexts, "tools=oci:tools");
    becomes_by(&options, "FROM docker.io/library/debian:12 AS a\nCOPY --from=tools /a /b",
               "{'a':{'fromImage':'base.tar','contents':[{'image':'oci:tools','path':'/a',"
               "'target':'/b'}]}}");
    strings_free(&options.contexts);
}

static void test_configuration(void **state)
{
    (void)state;
    becomes("FROM node AS a\nENV A=1 B=$A$V\nEXPOSE 80 81-82/udp 0.0.0.0:1:90\nVOLUME /a $V\n"
            "USER $V\nWORKDIR x/../y\nSTOPSIGNAL SIGTERM\nHEALTHCHECK --interval=2s CMD c\n"
            "ONBUILD RUN d\nLABEL \"a b\"=\"c $V\"",
            "{'a-1':{'fromImage':'docker://node','config':{'Env':['A=1','B=20'],'ExposedPorts':{"
            "'80/tcp':{},'81/udp':{},'82/udp':{},'90/tcp':{}},'Volumes':{'/a':{},'20':{}},'User':"
            "'20','WorkingDir':'/home/y'},'contents':[{'directory':'/home/y','owner':'20'}]},"
            "'a':{'fromImage':{'use':'a-1'},'config':{'StopSignal':'SIGTERM','Healthcheck':{'Test':"
            "['CMD-SHELL','c'],'Interval':2000000000},'OnBuild':['RUN d'],'Labels':{'a b':'c 20'}}}"
            "}");
    refuses("FROM debian\nEXPOSE 70000",
            "read 'Dockerfile': line 2: EXPOSE: '70000' is not a port");
    refuses("FROM debian\nSTOPSIGNAL SIGNOT",
            "read 'Dockerfile': line 2: STOPSIGNAL: unknown signal 'SIGNOT'");
    becomes("FROM debian AS a\nMAINTAINER Me <me>\nRUN b\nSTOPSIGNAL rtmin+3\nSTOPSIGNAL 9",
            "{'a-1':{'fromImage':'docker://debian','author':'Me <me>','run':'b','network':true},"
            "'a':{'fromImage':{'use':'a-1'},'config':{'StopSignal':'9'}}}");
    becomes("FROM debian AS a\nMAINTAINER me",
            "{'a':{'fromImage':'docker://debian','author':'me'}}");
}

static void test_triggers(void **state)
{
    (void)state;
    becomes("FROM onbuild AS a\nRUN c",
            "{'a-1':{'fromImage':'docker://onbuild','config':{'OnBuild':null,'Env':['A=1']},"
            "'contents':[{'source':'.','path':'/1','target':'/b/'}]},"
            "'a':{'fromImage':{'use':'a-1'},'run':'c','network':true}}");
    becomes("FROM debian AS a\nONBUILD RUN <<E\nx\nE\nFROM a AS b",
            "{'a':{'fromImage':'docker://debian','config':{'OnBuild':['RUN <<E\\nx\\nE']}},"
            "'b':{'fromImage':{'use':'a'},'config':{'OnBuild':null},'run':'x\\n','network':true}}");
}

/* TEXT becomes images whose history is EXPECTED, a line each. */
static void has_history(const struct conversion_options *options, const char *text,
                        const char *expected)
{
    struct conversion_result result = {0};
    struct buffer lines = {0};

    assert_null(convert(text, options, &result));
    const struct json *nodes = json_get(result.spec, "images");

    for (size_t i = 0; i < nodes->count; i++) {
        const char *line = json_get_string(nodes->items[i], "createdBy");

        buffer_printf(&lines, "%s\n", line != NULL ? line : "");
    }
    assert_string_equal(lines.data, expected);
    buffer_free(&lines);
    conversion_result_free(&result);
}

static void test_history(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    strings_add(&options.arguments, "HTTP_PROXY=http://p");
    has_history(&options,
                "FROM debian AS a\nARG V=1 W\nENV X=2\nRUN make\nRUN [\"a\", \"b\"]\n"
                "COPY --from=debian --chown=1 $X b /c/\nADD <<E /d\nx\nE\nWORKDIR e\n"
                "CMD [\"x\"]\nEXPOSE 80",
                "RUN |2 V=1 W= /bin/sh -c make # buildkit\n"
                "RUN |2 V=1 W= a b # buildkit\n"
                "COPY --chown=1 2 b /c/ # buildkit\n"
                "ADD <<E /d # buildkit\n"
                "WORKDIR /e\n"
                "CMD [\"x\"]; EXPOSE 80\n");
    becomes_by(&options, "FROM debian AS a\nRUN x",
               "{'a':{'fromImage':'docker://debian','run':'x','network':true,'env':{'HTTP_PROXY':"
               "'http://p'}}}");
    strings_free(&options.arguments);
}

static void test_directories_of_the_command_line(void **state)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};

    (void)state;
    strings_add(&options.folders, "assets=../assets");
    becomes_by(&options,
               "FROM debian AS a\nCOPY --from=assets a /\nRUN --mount=from=assets,target=/m x",
               "{'a-1':{'fromImage':'docker://debian','contents':[{'source':'../assets','path':"
               "'/a','target':'/'}]},"
               "'a':{'fromImage':{'use':'a-1'},'run':'x','network':true,'mounts':[{'type':'bind',"
               "'target':'/m','source':'../assets'}]}}");
    struct error *err = convert("FROM assets", &options, &result);

    assert_string_equal(
        err != NULL ? err->message : "no error",
        "read 'Dockerfile': line 1: FROM: 'assets' is a directory on the command line");
    error_free(err);
    strings_free(&options.folders);
}

static void test_one_layer(void **state)
{
    struct conversion_options options = defaults();

    (void)state;
    options.is_squashed = true;
    options.name = "n";
    options.tag = "1";
    becomes_by(&options, "FROM node AS a\nENV V=21 A=1\nRUN x\nLABEL b=c\nCMD [\"d\"]",
               "{'a-1':{'fromImage':'docker://node','config':{'Env':['V=21','A=1']},'run':["
               "'/bin/bash','-c','x'],'network':true},"
               "'a-layers':{'fromImage':{'use':'a-1'},'config':{'Labels':{'b':'c'},'Cmd':['d']}},"
               "'a':{'contents':[{'image':{'use':'a-layers'},'path':'/'}],'config':{'Env':["
               "'PATH=/bin','V=21','A=1'],'User':'node','WorkingDir':'/home','Shell':['/bin/bash',"
               "'-c'],'Cmd':['d'],'Labels':{'b':'c'}},'name':'n','tag':'1'}}");
}

static void test_values_have_lines(void **state)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};

    (void)state;
    assert_null(convert("FROM debian AS a\nENV A=1\n\nRUN \\\n b\nCMD c", &options, &result));
    const struct json *nodes = json_get(result.spec, "images");
    const struct json *first = json_get(nodes, "a-1");

    assert_int_equal(json_get(first, "config")->line, 2);
    assert_int_equal(json_get(first, "run")->line, 4);
    assert_int_equal(json_get(json_get(nodes, "a"), "config")->line, 6);
    conversion_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node_for_each_layer),
        cmocka_unit_test(test_scratch_has_a_path),
        cmocka_unit_test(test_a_time_for_all_images),
        cmocka_unit_test(test_the_length_of_all_values),
        cmocka_unit_test(test_a_base_with_odd_variables),
        cmocka_unit_test(test_names_do_not_collide),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_a_later_stage_is_no_source),
        cmocka_unit_test(test_errors_are_located_once),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_platforms),
        cmocka_unit_test(test_build_contexts),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_triggers),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_directories_of_the_command_line),
        cmocka_unit_test(test_one_layer),
        cmocka_unit_test(test_values_have_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
