# SPDX-License-Identifier: Apache-2.0
"""The stock Linux marvell-cesa driver, unpacked from the release's linux-source package.

Nothing of it is in this tree. The files are for one test binary (tests/stock_driver); they are
GPL-2.0, so nothing that is handed out may link them.
"""

_FOLDER = "/usr/src"

# Versions that the tests know, as in cosim/host/kernel.cc and the launcher.
_OLDEST = [6, 1]
_NEWEST = [6, 12]
_CESA = "drivers/crypto/marvell/cesa/"
_FILES = ["cesa.c", "cesa.h", "cipher.c", "hash.c", "tdma.c"]

def _version_of(name):
    """[6, 12] for "linux-source-6.12.tar.xz"; None for any other kind of name."""
    base, _, compression = name.partition(".tar.")
    if not base.startswith("linux-source-") or compression != "xz":
        return None
    numbers = base[len("linux-source-"):].split(".")
    for number in numbers:
        if not number.isdigit():
            return None
    version = [int(number) for number in numbers] if len(numbers) == 2 else None
    return version if version and _OLDEST <= version and version <= _NEWEST else None

def _linux_source_impl(ctx):
    given = ctx.os.environ.get("CESASIM_LINUX_SOURCE", "")
    if given:
        archive = ctx.path(given)
        version = _version_of(archive.basename)
        if not archive.exists or version == None:
            fail("\nCESASIM_LINUX_SOURCE: '%s' is no file with a name " % given +
                 "like linux-source-6.12.tar.xz (6.1 to 6.12).\n")
    else:
        archive = None
        version = None
        folder = ctx.path(_FOLDER)
        for entry in folder.readdir() if folder.exists else []:
            found = _version_of(entry.basename)
            if found != None and (version == None or found > version):
                archive = entry
                version = found
        if archive == None:
            fail("\nNo linux-source-6.1 to 6.12 .tar.xz in %s: please install the package " % _FOLDER +
                 "linux-source (Debian), or name such a file in CESASIM_LINUX_SOURCE.\n" +
                 "Only the tests with the stock driver (//tests/stock_driver) need it.\n")
    ctx.symlink(archive, "linux-source.tar")
    ctx.file("version", "%d.%d" % tuple(version))
    ctx.file("BUILD", """exports_files(["linux-source.tar", "version"])\n""")

# Which archive it is: the newest in /usr/src. Looked up whenever Bazel starts, which is cheap; the
# driver is unpacked again only if the archive has changed.
linux_source = repository_rule(
    implementation = _linux_source_impl,
    environ = ["CESASIM_LINUX_SOURCE"],
    local = True,
)

def _marvell_cesa_driver_impl(ctx):
    version = ctx.read(ctx.path(ctx.attr.version))
    folder = "linux-source-%s/%s" % (version, _CESA)
    result = ctx.execute(
        [
            "tar",
            "--extract",
            "--file=%s" % ctx.path(ctx.attr.archive).realpath,
            "--occurrence=1",  # stop at the last of them
            "--strip-components=%d" % folder.count("/"),
        ] + [folder + f for f in _FILES],
        timeout = 600,
    )
    if result.return_code != 0:
        fail("tar could not take the marvell-cesa driver out of %s:\n%s" %
             (ctx.path(ctx.attr.archive).realpath, result.stderr))
    major, minor = version.split(".")
    ctx.file("BUILD", """package(default_visibility = ["//visibility:public"])

licenses(["restricted"])  # GPL-2.0

filegroup(
    name = "sources",
    srcs = %s,
)

# Whose driver it is, for what depends on that.
cc_library(
    name = "version",
    defines = [
        "STOCK_LINUX_MAJOR=%s",
        "STOCK_LINUX_MINOR=%s",
    ],
)
""" % (_FILES, major, minor))

marvell_cesa_driver = repository_rule(
    implementation = _marvell_cesa_driver_impl,
    attrs = {
        # By their labels these are watched.
        "archive": attr.label(allow_single_file = True, default = "@linux_source//:linux-source.tar"),
        "version": attr.label(allow_single_file = True, default = "@linux_source//:version"),
    },
)
