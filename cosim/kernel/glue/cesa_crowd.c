// SPDX-License-Identifier: GPL-2.0
/*
 * A crowd of requests at once, more than the driver's queue takes, most of them by a user who does
 * not wait for a place in it (no CRYPTO_TFM_REQ_MAY_BACKLOG): such a request is refused and must
 * leave no trace. AF_ALG cannot do this. Everything that was taken is compared with the software
 * implementation, IV included. Hashes go on from an exported state.
 *
 * The result stands in the module's parameters.
 */
#include <crypto/hash.h>
#include <crypto/skcipher.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#define CROWD_BYTES	4096	/* of a message at most: several payloads of the engine */
#define CROWD_STATE	512
#define CROWD_UNTOUCHED	0xa5

static unsigned int requests = 300;
module_param(requests, uint, 0444);
MODULE_PARM_DESC(requests, "requests at once; the driver takes 128 and what may wait");
static unsigned int rounds = 2;
module_param(rounds, uint, 0444);

static unsigned int ciphers_right, ciphers_wrong, hashes_right, hashes_wrong, refused, errors;
module_param(ciphers_right, uint, 0444);
module_param(ciphers_wrong, uint, 0444);
module_param(hashes_right, uint, 0444);
module_param(hashes_wrong, uint, 0444);
module_param(refused, uint, 0444);
module_param(errors, uint, 0444);

struct crowd_pair {
	const char *hw_name, *sw_name;
	unsigned int key_bytes;
	struct crypto_skcipher *hw_cipher, *sw_cipher;
	struct crypto_ahash *hw_hash, *sw_hash;
};

static struct crowd_pair cipher_pairs[] = {
	{ "mv-cbc-aes", "cbc(aes-generic)", 32 },
	{ "mv-ecb-aes", "ecb(aes-generic)", 24 },
	{ "mv-cbc-des3-ede", "cbc(des3_ede-generic)", 24 },
	{ "mv-cbc-des", "cbc(des-generic)", 8 },
};

static struct crowd_pair hash_pairs[] = {
	{ "mv-md5", "md5-generic" },
	{ "mv-sha1", "sha1-generic" },
	{ "mv-sha256", "sha256-generic" },
	{ "mv-hmac-sha1", "hmac(sha1-generic)", 20 },
};

struct crowd_job {
	struct crowd_pair *pair;
	struct skcipher_request *cipher;
	struct ahash_request *hash;
	struct crypto_wait wait;
	struct scatterlist src, dst;
	u8 *in, *out, *want;
	unsigned int bytes, first;	/* first: of a hash, before its state is exported */
	u8 iv[16], want_iv[16];
	int err;
	bool taken;
};

static struct rnd_state crowd_random;

static u32 crowd_below(u32 limit)
{
	return prandom_u32_state(&crowd_random) % limit;
}

/* Every fourth may wait for a place in the queue. */
static u32 crowd_flags(unsigned int i)
{
	return i % 4 == 3 ? CRYPTO_TFM_REQ_MAY_BACKLOG : 0;
}

static void crowd_submitted(struct crowd_job *job, int err)
{
	job->err = err;
	job->taken = err == 0 || err == -EINPROGRESS || err == -EBUSY;
	if (err == -ENOSPC)
		refused++;
	else if (!job->taken)
		errors++;
}

static void crowd_wait(struct crowd_job *job)
{
	if (!job->taken)
		return;
	job->err = crypto_wait_req(job->err, &job->wait);
	if (job->err)
		errors++;
}

static int crowd_want_cipher(struct crowd_job *job, bool decrypt)
{
	struct skcipher_request *req = skcipher_request_alloc(job->pair->sw_cipher, GFP_KERNEL);
	int err;

	if (!req)
		return -ENOMEM;
	sg_init_one(&job->src, job->in, job->bytes);
	sg_init_one(&job->dst, job->want, job->bytes);
	memcpy(job->want_iv, job->iv, sizeof(job->iv));
	skcipher_request_set_callback(req, CRYPTO_TFM_REQ_MAY_BACKLOG, crypto_req_done, &job->wait);
	skcipher_request_set_crypt(req, &job->src, &job->dst, job->bytes, job->want_iv);
	err = crypto_wait_req(decrypt ? crypto_skcipher_decrypt(req) : crypto_skcipher_encrypt(req),
			      &job->wait);
	skcipher_request_free(req);
	return err;
}

static int crowd_want_hash(struct crowd_job *job)
{
	struct ahash_request *req = ahash_request_alloc(job->pair->sw_hash, GFP_KERNEL);
	int err;

	if (!req)
		return -ENOMEM;
	sg_init_one(&job->src, job->in, job->bytes);
	ahash_request_set_callback(req, CRYPTO_TFM_REQ_MAY_BACKLOG, crypto_req_done, &job->wait);
	ahash_request_set_crypt(req, &job->src, job->want, job->bytes);
	err = crypto_wait_req(crypto_ahash_digest(req), &job->wait);
	ahash_request_free(req);
	return err;
}

static int crowd_prepare(struct crowd_job *job, struct crowd_pair *pair, unsigned int i)
{
	crypto_init_wait(&job->wait);
	job->pair = pair;
	job->in = kmalloc(CROWD_BYTES, GFP_KERNEL);
	job->out = kmalloc(CROWD_BYTES, GFP_KERNEL);
	job->want = kmalloc(CROWD_BYTES, GFP_KERNEL);
	if (!job->in || !job->out || !job->want)
		return -ENOMEM;
	prandom_bytes_state(&crowd_random, job->in, CROWD_BYTES);
	prandom_bytes_state(&crowd_random, job->iv, sizeof(job->iv));
	memset(job->out, CROWD_UNTOUCHED, CROWD_BYTES);
	if (pair->hw_cipher) {
		job->bytes = 16 * (1 + crowd_below(crowd_below(4) ? 32 : CROWD_BYTES / 16));
		job->cipher = skcipher_request_alloc(pair->hw_cipher, GFP_KERNEL);
		if (!job->cipher)
			return -ENOMEM;
		skcipher_request_set_callback(job->cipher, crowd_flags(i), crypto_req_done,
					      &job->wait);
		return crowd_want_cipher(job, i & 1);
	}
	job->bytes = 1 + crowd_below(CROWD_BYTES - 1);
	job->first = crowd_below(job->bytes);
	/* The driver pads a message of whole blocks by itself; HMACs so are a known fault. */
	if (!pair->key_bytes && crowd_below(4) == 0)
		job->first = job->bytes = 64 * (1 + crowd_below(CROWD_BYTES / 64));
	job->hash = ahash_request_alloc(pair->hw_hash, GFP_KERNEL);
	if (!job->hash)
		return -ENOMEM;
	ahash_request_set_callback(job->hash, crowd_flags(i), crypto_req_done, &job->wait);
	return crowd_want_hash(job);
}

static void crowd_cipher(struct crowd_job *job, unsigned int i)
{
	sg_init_one(&job->src, job->in, job->bytes);
	sg_init_one(&job->dst, job->out, job->bytes);
	skcipher_request_set_crypt(job->cipher, &job->src, &job->dst, job->bytes, job->iv);
	crowd_submitted(job, i & 1 ? crypto_skcipher_decrypt(job->cipher) :
				     crypto_skcipher_encrypt(job->cipher));
}

static void crowd_hash_first(struct crowd_job *job)
{
	int err = crypto_ahash_init(job->hash);

	sg_init_one(&job->src, job->in, job->first);
	ahash_request_set_crypt(job->hash, &job->src, NULL, job->first);
	crowd_submitted(job, err ? err : crypto_ahash_update(job->hash));
}

static void crowd_hash_rest(struct crowd_job *job)
{
	u8 state[CROWD_STATE];

	if (!job->taken || job->err)
		return;
	if (crypto_ahash_export(job->hash, state) || crypto_ahash_import(job->hash, state)) {
		job->taken = false;
		errors++;
		return;
	}
	sg_init_one(&job->src, job->in + job->first, job->bytes - job->first);
	if (job->bytes == job->first)
		ahash_request_set_crypt(job->hash, NULL, job->out, 0);
	else
		ahash_request_set_crypt(job->hash, &job->src, job->out, job->bytes - job->first);
	crowd_submitted(job, job->bytes == job->first ? crypto_ahash_final(job->hash) :
							crypto_ahash_finup(job->hash));
}

static bool crowd_untouched(const struct crowd_job *job)
{
	return !memchr_inv(job->out, CROWD_UNTOUCHED, CROWD_BYTES);
}

static void crowd_judge(struct crowd_job *job)
{
	unsigned int n;

	if (job->cipher) {
		bool right = crowd_untouched(job);

		if (job->taken)
			right = !memcmp(job->out, job->want, job->bytes) &&
				!memcmp(job->iv, job->want_iv,
					crypto_skcipher_ivsize(job->pair->hw_cipher));
		if (!right)
			ciphers_wrong++;
		else if (job->taken)
			ciphers_right++;
		return;
	}
	if (!job->taken)
		return;
	n = crypto_ahash_digestsize(job->pair->hw_hash);
	if (memcmp(job->out, job->want, n))
		hashes_wrong++;
	else
		hashes_right++;
}

static void crowd_free(struct crowd_job *job)
{
	skcipher_request_free(job->cipher);
	ahash_request_free(job->hash);
	kfree(job->in);
	kfree(job->out);
	kfree(job->want);
}

static int crowd_round(struct crowd_job *jobs, struct crowd_pair *all, unsigned int pairs)
{
	unsigned int i, n;
	int err = 0;

	memset(jobs, 0, requests * sizeof(*jobs));
	for (n = 0; n < requests && !err; n++)
		err = crowd_prepare(&jobs[n], &all[crowd_below(pairs)], n);
	if (err)
		goto out;
	for (i = 0; i < n; i++) {
		if (jobs[i].cipher)
			crowd_cipher(&jobs[i], i);
		else
			crowd_hash_first(&jobs[i]);
	}
	for (i = 0; i < n; i++)
		crowd_wait(&jobs[i]);
	for (i = 0; i < n; i++)
		if (jobs[i].hash)
			crowd_hash_rest(&jobs[i]);
	for (i = 0; i < n; i++)
		if (jobs[i].hash)
			crowd_wait(&jobs[i]);
	for (i = 0; i < n; i++)
		crowd_judge(&jobs[i]);
out:
	for (i = 0; i < n; i++)
		crowd_free(&jobs[i]);
	return err;
}

static int crowd_open_cipher(struct crowd_pair *pair)
{
	u8 key[32];

	pair->hw_cipher = crypto_alloc_skcipher(pair->hw_name, 0, 0);
	if (IS_ERR(pair->hw_cipher))
		return PTR_ERR(pair->hw_cipher);
	pair->sw_cipher = crypto_alloc_skcipher(pair->sw_name, 0, 0);
	if (IS_ERR(pair->sw_cipher))
		return PTR_ERR(pair->sw_cipher);
	prandom_bytes_state(&crowd_random, key, sizeof(key));
	return crypto_skcipher_setkey(pair->hw_cipher, key, pair->key_bytes) ?:
	       crypto_skcipher_setkey(pair->sw_cipher, key, pair->key_bytes);
}

static int crowd_open_hash(struct crowd_pair *pair)
{
	u8 key[32];

	pair->hw_hash = crypto_alloc_ahash(pair->hw_name, 0, 0);
	if (IS_ERR(pair->hw_hash))
		return PTR_ERR(pair->hw_hash);
	pair->sw_hash = crypto_alloc_ahash(pair->sw_name, 0, 0);
	if (IS_ERR(pair->sw_hash))
		return PTR_ERR(pair->sw_hash);
	if (!pair->key_bytes)
		return 0;
	prandom_bytes_state(&crowd_random, key, sizeof(key));
	return crypto_ahash_setkey(pair->hw_hash, key, pair->key_bytes) ?:
	       crypto_ahash_setkey(pair->sw_hash, key, pair->key_bytes);
}

static void crowd_close(struct crowd_pair *pair)
{
	if (!IS_ERR_OR_NULL(pair->hw_cipher))
		crypto_free_skcipher(pair->hw_cipher);
	if (!IS_ERR_OR_NULL(pair->sw_cipher))
		crypto_free_skcipher(pair->sw_cipher);
	if (!IS_ERR_OR_NULL(pair->hw_hash))
		crypto_free_ahash(pair->hw_hash);
	if (!IS_ERR_OR_NULL(pair->sw_hash))
		crypto_free_ahash(pair->sw_hash);
}

static int __init crowd_init(void)
{
	struct crowd_pair all[ARRAY_SIZE(cipher_pairs) + ARRAY_SIZE(hash_pairs)];
	struct crowd_job *jobs = kvcalloc(requests, sizeof(*jobs), GFP_KERNEL);
	unsigned int i, n = 0;
	int err = jobs ? 0 : -ENOMEM;

	prandom_seed_state(&crowd_random, 1);
	for (i = 0; i < ARRAY_SIZE(cipher_pairs) && !err; i++) {
		all[n] = cipher_pairs[i];
		err = crowd_open_cipher(&all[n++]);
	}
	for (i = 0; i < ARRAY_SIZE(hash_pairs) && !err; i++) {
		all[n] = hash_pairs[i];
		err = crowd_open_hash(&all[n]);
		if (err == -ENOENT) {	/* SHA-256 is not on every SoC */
			crowd_close(&all[n]);
			err = 0;
			continue;
		}
		n++;
	}
	for (i = 0; i < rounds && !err; i++)
		err = crowd_round(jobs, all, n);
	for (i = 0; i < n; i++)
		crowd_close(&all[i]);
	kvfree(jobs);
	return err;
}

static void __exit crowd_exit(void)
{
}

module_init(crowd_init);
module_exit(crowd_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("More requests at once than the CESA driver's queue takes");
