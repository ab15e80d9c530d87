package io.scopedasync.demo;

import java.math.BigDecimal;

/**
 * What a share costs.
 *
 * @param symbol the share
 * @param price its price
 */
record Quote(String symbol, BigDecimal price) {
}
