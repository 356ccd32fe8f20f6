// SPDX-License-Identifier: Apache-2.0
/* What the driver's C files get for every kernel header that they include. C only: the kernel's
 * macros and the C++ library do not go together. */
#pragma once

#include <stdio.h>

#include "tests/stock_driver/kernel.h"

#define ENOTSUPP kErrnoNotSupported
#define U32_MAX UINT32_MAX
#define __iomem
#define NUMA_NO_NODE (-1)
#define IORESOURCE_MEM 0x200

#define BIT(n) (1UL << (n))
#define GENMASK(high, low) ((~0UL << (low)) & (~0UL >> (63 - (high))))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define IS_ALIGNED(x, a) (((x) & ((a)-1)) == 0)
#define min(a, b) ((a) < (b) ? (a) : (b))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define container_of(p, type, member) ((type*)((char*)(p)-offsetof(type, member)))
/* Divides n in place, gives the remainder. */
#define do_div(n, by)                   \
  ({                                    \
    u32 remainder_ = (u32)((n) % (by)); \
    (n) /= (by);                        \
    remainder_;                         \
  })

/* The host is little endian, as the SoCs are. */
#define cpu_to_le32(x) ((__le32)(x))
#define le32_to_cpu(x) ((u32)(x))
#define cpu_to_le64(x) ((__le64)(x))
#define cpu_to_be32(x) __builtin_bswap32(x)
#define cpu_to_be64(x) __builtin_bswap64(x)

#define ERR_PTR(error) ((void*)(long)(error))
#define PTR_ERR(p) ((long)(p))
#define IS_ERR(p) ((unsigned long)(p) >= -4095UL)
#define ERR_CAST(p) ((void*)(p))
#define PTR_ERR_OR_ZERO(p) (IS_ERR(p) ? (int)PTR_ERR(p) : 0)

#define WARN_ON(condition)                                  \
  ({                                                        \
    bool warn_ = (condition);                               \
    if (warn_) kernel_warn(__FILE__, __LINE__, #condition); \
    warn_;                                                  \
  })
#define dev_err(dev, ...) kernel_log(dev, true, __VA_ARGS__)
#define dev_info(dev, ...) kernel_log(dev, false, __VA_ARGS__)
#define dev_name(dev) ((dev)->name)

#define THIS_MODULE NULL
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(x)
#define MODULE_LICENSE(x)
#define MODULE_DEVICE_TABLE(type, table)
#define module_platform_driver(driver) const struct platform_driver* const kernel_module = &driver

#define list_first_entry_or_null(head, type, member) \
  ((head)->next == (head) ? NULL : container_of((head)->next, type, member))

#define atomic_set(a, v) ((void)((a)->counter = (v)))
#define atomic_read(a) ((a)->counter)
#define atomic_add(v, a) ((void)((a)->counter += (v)))
#define atomic_sub(v, a) ((void)((a)->counter -= (v)))

#define DECLARE_CRYPTO_WAIT(wait) struct crypto_wait wait = {{false}, 0}

#define kfree_sensitive kfree
#define memzero_explicit(p, size) memset(p, 0, size)
#define devm_kzalloc(dev, size, flags) devm_kcalloc(dev, 1, size, flags)
#define resource_size(res) ((res)->end - (res)->start + 1)
#define platform_set_drvdata(pdev, value) ((void)((pdev)->dev.driver_data = (value)))
#define platform_get_drvdata(pdev) ((pdev)->dev.driver_data)

/* One thread and one device: an ordered access costs no more. */
#define readl_relaxed readl
#define writel_relaxed writel

#define sg_dma_address(sg) ((sg)->dma_address)
#define sg_dma_len(sg) ((sg)->length)

#define __crypto_skcipher_cast(tfm) container_of(tfm, struct crypto_skcipher, base)
#define crypto_skcipher_tfm(tfm) (&(tfm)->base)
#define crypto_skcipher_ctx(tfm) crypto_tfm_ctx(&(tfm)->base)
#define crypto_skcipher_reqtfm(req) __crypto_skcipher_cast((req)->base.tfm)
#define crypto_skcipher_ivsize(tfm) (crypto_skcipher_alg(tfm)->ivsize)
#define crypto_skcipher_blocksize(tfm) crypto_tfm_alg_blocksize(&(tfm)->base)
#define crypto_skcipher_set_reqsize(tfm, size) ((void)((tfm)->base.reqsize = (size)))
#define skcipher_request_cast(req) container_of(req, struct skcipher_request, base)

#define __crypto_ahash_cast(tfm) container_of(tfm, struct crypto_ahash, base)
#define crypto_ahash_tfm(tfm) (&(tfm)->base)
#define crypto_ahash_reqtfm(req) __crypto_ahash_cast((req)->base.tfm)
#define crypto_ahash_digestsize(tfm) (crypto_ahash_alg(tfm)->halg.digestsize)
#define crypto_ahash_blocksize(tfm) crypto_tfm_alg_blocksize(&(tfm)->base)
#define crypto_ahash_clear_flags(tfm, flags) ((void)((tfm)->base.crt_flags &= ~(flags)))
#define crypto_ahash_set_reqsize(tfm, size) ((void)((tfm)->base.reqsize = (size)))
#define ahash_request_cast(req) container_of(req, struct ahash_request, base)

/* Initial states: RFC 1321, FIPS 180-4. */
#define MD5_H0 0x67452301U
#define MD5_H1 0xefcdab89U
#define MD5_H2 0x98badcfeU
#define MD5_H3 0x10325476U
#define SHA1_H0 0x67452301U
#define SHA1_H1 0xefcdab89U
#define SHA1_H2 0x98badcfeU
#define SHA1_H3 0x10325476U
#define SHA1_H4 0xc3d2e1f0U
#define SHA256_H0 0x6a09e667U
#define SHA256_H1 0xbb67ae85U
#define SHA256_H2 0x3c6ef372U
#define SHA256_H3 0xa54ff53aU
#define SHA256_H4 0x510e527fU
#define SHA256_H5 0x9b05688cU
#define SHA256_H6 0x1f83d9abU
#define SHA256_H7 0x5be0cd19U
