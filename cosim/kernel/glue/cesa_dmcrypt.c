// SPDX-License-Identifier: GPL-2.0
/*
 * Since 5.10 (cd74693870fb) dm-crypt asks for ciphers without CRYPTO_ALG_ALLOCATES_MEMORY, a flag
 * that all algorithms of the CESA driver carry, so the two never meet. This module takes the flag
 * off the registered skciphers; both sides stay unmodified.
 */
#include <crypto/skcipher.h>
#include <linux/crypto.h>
#include <linux/module.h>

static const char *const drivers[] = {
	"mv-ecb-aes", "mv-cbc-aes", "mv-ecb-des", "mv-cbc-des", "mv-ecb-des3-ede", "mv-cbc-des3-ede",
};

static int __init cesa_dmcrypt_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++) {
		struct crypto_skcipher *cipher = crypto_alloc_skcipher(drivers[i], 0, 0);

		if (IS_ERR(cipher))
			continue;
		crypto_skcipher_tfm(cipher)->__crt_alg->cra_flags &= ~CRYPTO_ALG_ALLOCATES_MEMORY;
		crypto_free_skcipher(cipher);
	}
	return 0;
}

static void __exit cesa_dmcrypt_exit(void)
{
}

module_init(cesa_dmcrypt_init);
module_exit(cesa_dmcrypt_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Lets dm-crypt use the CESA driver's ciphers");
