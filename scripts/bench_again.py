"""Building again, and several images: unchanged ones, last steps, many at once, Dockerfiles."""

import itertools
import json
import os
import resource
import shutil
import time

STEPS = 10
IMAGES = 20
LINKS = 20

# Nine of ten instructions as people write them, after FROM; the tenth changes.
INSTRUCTIONS = """ENV APP=/srv/app LANG=C.UTF-8
WORKDIR /srv/app
COPY hello hello
RUN useradd --system app
RUN install -d -o app /var/lib/app
RUN ln -s /srv/app/hello /usr/local/bin/hello
EXPOSE 8080
CMD ["hello"]
"""

# Each word is new to all caches.
new_words = map(str, itertools.count(time.time_ns()))


def write_images(bench, name, images):
    """A spec file of several images."""
    with open(bench.path(name + ".json"), "w", encoding="utf-8") as file:
        json.dump({"images": images}, file)
    return bench.path(name + ".json")


def write_chain(bench, name, scripts):
    """A spec file of images s0, s1, ... that run SCRIPTS, each on the one before it."""
    return write_images(bench, name, {
        f"s{index}": {"fromImage": {"use": f"s{index - 1}"} if index > 0 else bench.base,
                      "runAsRoot": script} for index, script in enumerate(scripts)})


def build(bench, *words):
    """A build that takes from the cache what is there."""
    return bench.user_command(bench.program, "--progress=json", *words)


def remove(*paths):
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)


def unchanged(bench):
    """12. An image that has not changed, written again."""
    spec = bench.spec("unchanged", runAsRoot="true")
    for what, name, words in (("to a docker-archive", "o.tar", ["--compression=none"]),
                              ("to a docker-archive, gzip", "o.tar.gz", []),
                              ("to an OCI layout", "o", ["--format=oci"])):
        out, kept, copy = bench.path(name), bench.path("kept"), bench.path("copy")
        command = build(bench, "--spec", spec, "-o", out, *words)
        bench.warm(command)
        os.rename(out, kept)
        own, other = bench.medians(
            lambda command=command: bench.seconds(command),
            lambda words=("cp", "-r", kept, copy): bench.seconds(bench.user_command(*words)),
            before=lambda paths=(out, copy): remove(*paths))
        bench.row("12", f"nothing has changed, {what}", own, "`cp` of the output", other, 1.3)
        remove(out, kept, copy)


def pushed(bench):
    """13. The same to a registry that has it."""
    what = "nothing has changed, to a registry"
    with bench.peers.registry() as host:
        spec = bench.spec("unchanged", runAsRoot="true")
        command = build(bench, "--spec", spec, "-o", f"docker://{host}/own:1")
        bench.warm(command)
        own, = bench.medians(lambda: bench.seconds(command))
        bench.value("13", what, own, "s", own <= 0.15)
        context = bench.peers.context("unchanged", "RUN true\n")
        tag = f"{host}/peer:1"
        bench.beside("13", what, command, "`docker build` and `docker push`",
                     lambda: bench.peers.docker_build(context, f"push -q {tag}", "-t", tag))


def last_step(bench):
    """14. A change in the last of ten steps."""
    what = f"a change in the last of {STEPS} steps"
    scripts = [f"echo {index} > /step" for index in range(STEPS)]
    out = ["-o", bench.path("o.tar"), "--compression=none"]
    chain = write_chain(bench, "steps", scripts)
    single = bench.spec("single", runAsRoot=scripts[-1])

    def own():
        return build(bench, "--spec", chain, *out, "--set",
                     f"s{STEPS - 1}.runAsRoot=echo {next(new_words)} > /step")

    def alone():
        return build(bench, "--spec", single, *out, "--set",
                     f"runAsRoot=echo {next(new_words)} > /step")

    for _ in range(2):
        bench.seconds(own())
        bench.seconds(alone())
    bench.beside("14", what, own, "the last step alone", lambda: alone, 1.2)

    def recipe():
        lines = "".join(f"RUN {script}\n" for script in scripts[:-1])
        return bench.peers.context("steps", f"{lines}RUN echo {next(new_words)} > /step\n")

    beside_builders(bench, "14", what, own, recipe, (None, None))


def steps(bench):
    """18. Steps that do little, all of them new."""
    def own(count):
        def command():
            lines = "".join(f"RUN echo {next(new_words)} > /step{index}\n" for index in range(count))
            context = bench.peers.context("steps", lines)
            named = f"{bench.peers.base_name()}=docker-archive:{bench.base}"
            return bench.user_command(
                bench.program, "build", "--progress=json", "--file", f"{context}/Dockerfile",
                "--build-context", named, "-o", bench.path("o.tar"), "--compression=none", context)
        return command

    for count in (1, 2, 1, 2):
        bench.seconds(own(count)())
    ten, one = bench.medians(lambda: bench.seconds(own(STEPS)()), lambda: bench.seconds(own(1)()))
    bench.row("18", f"a Dockerfile of {STEPS} steps that do little", ten, "of one such step", one, 3)


def beside_builders(bench, goal, what, own, recipe, limits):
    """Rows of OWN beside those that build the directory that RECIPE writes anew before each run."""
    def anew(command):
        def command_of_run():
            recipe()
            return command
        return command_of_run

    context = recipe()
    peers = (("`docker build` and `docker save`",
              lambda: bench.peers.docker_build(context, "save bench > /dev/null")),
             ("`buildah bud --layers` and `push`",
              lambda: bench.peers.buildah_build(context, "--layers")))
    for (peer, make), limit in zip(peers, limits):
        bench.beside(goal, what, own, peer, lambda make=make: anew(make()), limit)


def processor_seconds(action):
    """What ACTION and its processes take of processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def disk_usage(path):
    """The bytes that the files below PATH take."""
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512
               for folder, _, names in os.walk(path) for name in names)


def chain(bench):
    """17. Each link of a chain costs what its own layer costs, in time and on the disk."""
    cache = bench.path("chain-cache")
    words = ["--cache-dir", cache, "-o", bench.path("layer"), "--format=layer", "--spec"]
    noop = bench.vmbuild(*words, bench.spec("noop", runAsRoot="true"))

    def links():
        spec = write_chain(bench, "chain", [f"echo {next(new_words)} > /{index}" for index in range(LINKS)])
        bench.seconds(build(bench, *words, spec))

    def noops():
        for _ in range(LINKS):
            bench.seconds(noop)

    bench.warm(noop)
    own, other = bench.medians(lambda: processor_seconds(links), lambda: processor_seconds(noops))
    bench.row("17", f"CPU time of a chain of {LINKS} images", own, f"of {LINKS} builds that do nothing",
              other, 1.5)
    disks, layers = (disk_usage(os.path.join(cache, kind)) for kind in ("disks", "blobs"))
    bench.value("17", "base disks of all links, to their layers", disks / layers, "",
                disks <= 1.2 * layers)
    remove(cache)


def jobs(bench):
    """15. Images that do not need one another, at once."""
    spec = write_images(bench, "jobs", {
        f"i{index}": {"fromImage": bench.base, "runAsRoot": f"echo {index} > /image"}
        for index in range(IMAGES)})
    folder = bench.path("jobs")
    os.makedirs(folder, exist_ok=True)
    bench.own_everything()

    def command(count):
        return bench.user_command("env", "-C", folder, bench.program, "--progress=json",
                                  "--rebuild", "--spec", spec, "--format=layer", "--jobs", count)

    own, other = bench.medians(lambda: bench.seconds(command("2")),
                               lambda: bench.seconds(command("1")))
    bench.row("15", f"{IMAGES} images, `--jobs 2`", own, "`--jobs 1`", other, None)
    shutil.rmtree(folder)


def dockerfile(bench):
    """16. A Dockerfile of ten instructions."""
    def recipe(word="0"):
        context = bench.peers.context("dockerfile", f"{INSTRUCTIONS}RUN echo {word} > version\n")
        with open(os.path.join(context, "hello"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho hello\n")
        return context

    def own():
        context = recipe()
        named = f"{bench.peers.base_name()}=docker-archive:{bench.base}"
        return bench.user_command(
            bench.program, "build", "--progress=json", "--file", f"{context}/Dockerfile",
            "--build-context", named, "-o", bench.path("o.tar"), "--compression=none", context)

    def own_changed():
        command = own()
        recipe(next(new_words))
        return command

    what = f"a Dockerfile of {STEPS} lines"
    for _ in range(2):
        bench.seconds(own_changed())
    bench.warm(own())
    beside_builders(bench, "16", f"{what}, unchanged", own, recipe, (0.5, None))
    beside_builders(bench, "16", f"{what}, the last changed", own_changed,
                    lambda: recipe(next(new_words)), (1.0, None))
