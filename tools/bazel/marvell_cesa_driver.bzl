"""The stock Linux marvell-cesa driver, unpacked from Debian's linux-source-6.1 package.

Nothing of it is in this tree. The files are for one test binary (tests/stock_driver); they are
GPL-2.0, so nothing that is handed out may link them.
"""

_TARBALL = "/usr/src/linux-source-6.1.tar.xz"
_FOLDER = "linux-source-6.1/drivers/crypto/marvell/cesa/"
_FILES = ["cesa.c", "cesa.h", "cipher.c", "hash.c", "tdma.c"]

def _marvell_cesa_driver_impl(ctx):
    if not ctx.path(_TARBALL).exists:
        fail("\n%s is missing: please install the Debian package linux-source-6.1.\n" % _TARBALL +
             "Only the tests with the stock driver (//tests/stock_driver) need it.")

    # By its label the archive is watched: a new kernel package unpacks again.
    tarball = ctx.path(ctx.attr.archive)
    result = ctx.execute(
        [
            "tar",
            "--extract",
            "--xz",
            "--file=%s" % tarball,
            "--occurrence=1",  # stop at the last of them
            "--strip-components=%d" % _FOLDER.count("/"),
        ] + [_FOLDER + f for f in _FILES],
        timeout = 600,
    )
    if result.return_code != 0:
        fail("tar could not take the marvell-cesa driver out of %s:\n%s" % (_TARBALL, result.stderr))
    ctx.file("BUILD", """package(default_visibility = ["//visibility:public"])

licenses(["restricted"])  # GPL-2.0

filegroup(
    name = "sources",
    srcs = %s,
)
""" % _FILES)

marvell_cesa_driver = repository_rule(
    implementation = _marvell_cesa_driver_impl,
    attrs = {"archive": attr.label(
        allow_single_file = True,
        default = "@usr_src//:linux-source-6.1.tar.xz",
    )},
)
