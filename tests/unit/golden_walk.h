/* Walks through books, with their sources. price has 12 decimals, slippage_bps 6. */
#ifndef GOLDEN_WALK_H
#define GOLDEN_WALK_H

static const char *const walk_sources[] = {
    ("nautilus_trader crates/model/src/orderbook/tests.rs test_book_get_price_for_quantity / "
     "_worst_price (a95c804)"),
    "nautilus_trader tests/unit_tests/model/test_orderbook_pyo3.py test_order_book",
    ("nautilus_trader tests/unit_tests/model/test_orderbook.py test_l3_get_avg_px_for_quantity "
     "(sell asks for 12, only 5 in book)"),
    "nautilus test_get_avg_px_for_quantity",
    ("exact arithmetic on the recorded book depth_hyperliquid_btc_20250126.csv ts "
     "1737918843893903000"),
    ("exact arithmetic on the recorded book depth_hyperliquid_btc_20250126.csv ts "
     "1737918869246864000"),
    ("exact arithmetic on the recorded book depth_binance_btc_20240808_1s.csv ts "
     "1723161355000000000"),
    ("exact arithmetic on the recorded book depth_binance_btc_20240808_1s.csv ts "
     "1723161356000000000"),
    ("exact arithmetic on the recorded book depth_binance_btc_20240808_1s.csv ts "
     "1723161357000000000"),
};

static const perp_book_level walk_book_0[] = {{2.000, 1.0}, {2.010, 2.0}};
static const perp_book_level walk_book_1[] = {{1.000, 1.0}, {0.990, 2.0}};
static const perp_book_level walk_book_2[] = {{101, 100}, {102, 200}};
static const perp_book_level walk_book_3[] = {{100, 100}, {99, 200}};
static const perp_book_level walk_book_4[] = {{0.886, 5}, {0.887, 10}, {0.9, 20}};
static const perp_book_level walk_book_5[] = {{0.83, 4}, {0.82, 1}};
static const perp_book_level walk_book_6[] = {{11.0, 6}};
static const perp_book_level walk_book_7[] = {{10.0, 5}};
static const perp_book_level walk_book_8[] = {
    {105056, 6.34472}, {105057, 0.0001},  {105058, 0.0001},  {105059, 0.0001},  {105062, 0.12704},
    {105064, 0.1556},  {105065, 0.05709}, {105066, 1.27778}, {105067, 0.0591},  {105068, 0.19272},
    {105069, 0.752},   {105070, 0.08876}, {105072, 0.01912}, {105073, 0.48835}, {105074, 0.00048},
    {105075, 0.15561}, {105076, 0.85833}, {105077, 0.19521}, {105078, 1.97759}, {105079, 0.00637}};
static const perp_book_level walk_book_9[] = {
    {105055, 3.03622},  {105054, 0.1428},  {105053, 0.16179}, {105051, 0.38082},
    {105050, 3.94526},  {105048, 0.90391}, {105047, 0.02774}, {105046, 0.00733},
    {105044, 2.65508},  {105043, 0.03568}, {105042, 0.01912}, {105041, 0.24923},
    {105040, 15.55272}, {105039, 0.32388}, {105038, 1.241},   {105037, 1.66587},
    {105035, 1.23786},  {105032, 0.6},     {105031, 0.5352},  {105030, 17.50772}};
static const perp_book_level walk_book_10[] = {
    {105051, 6.13423}, {105052, 2.97825}, {105054, 0.752},   {105056, 1.52909}, {105059, 0.19272},
    {105060, 0.56122}, {105062, 0.15478}, {105065, 0.05709}, {105066, 0.71383}, {105068, 0.34946},
    {105070, 1.02552}, {105071, 0.14318}, {105072, 0.01912}, {105073, 0.18171}, {105074, 0.00108},
    {105075, 0.00147}, {105076, 1.75317}, {105077, 0.67225}, {105078, 0.00253}, {105079, 0.00398}};
static const perp_book_level walk_book_11[] = {
    {105050, 1.12931}, {105049, 0.14281}, {105048, 0.24694}, {105047, 0.38083},
    {105046, 0.00733}, {105044, 0.85691}, {105041, 0.03848}, {105040, 12.72912},
    {105039, 0.06496}, {105037, 0.71403}, {105036, 2.122},   {105035, 0.56362},
    {105033, 0.03569}, {105032, 0.6},     {105031, 0.47823}, {105030, 19.05769},
    {105029, 1.57111}, {105027, 0.80928}, {105026, 0.01912}, {105025, 1.52285}};
static const perp_book_level walk_book_12[] = {
    {61783.73, 0.69272}, {61783.99, 0.00009}, {61784, 0.0897},     {61784.52, 0.0455},
    {61784.63, 0.00034}, {61784.64, 0.03264}, {61784.65, 0.01008}, {61784.68, 0.00035},
    {61784.98, 0.00083}, {61784.99, 0.00086}};
static const perp_book_level walk_book_13[] = {
    {61783.72, 6.02628}, {61782.24, 1.55867}, {61782.23, 0.01885}, {61782, 0.1544},
    {61781.46, 0.00017}, {61780, 1.07362},    {61779.96, 0.00443}, {61779.48, 0.01444},
    {61778.51, 0.03884}, {61778.5, 0.0647}};
static const perp_book_level walk_book_14[] = {
    {61765, 0.43},    {61765.2, 0.002}, {61766, 0.002},   {61766.5, 0.02},  {61766.8, 0.04},
    {61767.7, 0.242}, {61768, 0.002},   {61768.4, 1.158}, {61768.5, 0.121}, {61768.7, 0.143}};
static const perp_book_level walk_book_15[] = {
    {61764.9, 5.57}, {61764.6, 0.058}, {61764.2, 0.008}, {61764, 0.748}, {61762.6, 0.002},
    {61762.2, 0.1},  {61762, 0.092},   {61761.1, 0.002}, {61761, 0.13},  {61760.3, 5.722}};
static const perp_book_level walk_book_16[] = {
    {61763.8, 1908}, {61764.5, 1}, {61764.6, 16},  {61765, 204},  {61765.9, 152},
    {61767.7, 6},    {61771, 3},   {61771.1, 100}, {61771.8, 28}, {61772.6, 1}};
static const perp_book_level walk_book_17[] = {
    {61763.7, 1137}, {61763.5, 6}, {61761.5, 5},  {61760.4, 1}, {61759.3, 1},
    {61758.1, 141},  {61758, 153}, {61757.9, 75}, {61757.3, 1}, {61756.9, 1}};

static const struct {
    const char *id;
    int source; /* index into walk_sources */
    uint32_t side;
    const perp_book_level *levels;
    uint32_t n_levels;
    double quantity, filled, price, worst, slippage_bps;
} walk_rows[] = {
    {"nt_buy_1.5", 0, PERP_SIDE_BUY, walk_book_0, 2, 1.5, 1.5, 2.003333333333, 2.010, 16.666667},
    {"nt_sell_1.5", 0, PERP_SIDE_SELL, walk_book_1, 2, 1.5, 1.5, 0.996666666667, 0.990, 33.333333},
    {"nt_buy_150", 1, PERP_SIDE_BUY, walk_book_2, 2, 150, 150, 101.333333333333, 102, 33.003300},
    {"nt_sell_150", 1, PERP_SIDE_SELL, walk_book_3, 2, 150, 150, 99.666666666667, 99, 33.333333},
    {"nt_buy_5", 2, PERP_SIDE_BUY, walk_book_4, 3, 5, 5, 0.886000000000, 0.886, 0.000000},
    {"nt_sell_12_partial", 2, PERP_SIDE_SELL, walk_book_5, 2, 12, 5, 0.828000000000, 0.82,
     24.096386},
    {"nt_single_buy", 3, PERP_SIDE_BUY, walk_book_6, 1, 1, 1, 11.000000000000, 11.0, 0.000000},
    {"nt_single_sell", 3, PERP_SIDE_SELL, walk_book_7, 1, 1, 1, 10.000000000000, 10.0, 0.000000},
    {"hyperliquid_1737918843893903000_buy_0.5", 4, PERP_SIDE_BUY, walk_book_8, 20, 0.5, 0.5,
     105056.000000000000, 105056, 0.000000},
    {"hyperliquid_1737918843893903000_buy_5", 4, PERP_SIDE_BUY, walk_book_8, 20, 5, 5,
     105056.000000000000, 105056, 0.000000},
    {"hyperliquid_1737918843893903000_buy_20", 4, PERP_SIDE_BUY, walk_book_8, 20, 20, 12.75617,
     105064.291926965539, 105079, 0.789286},
    {"hyperliquid_1737918843893903000_buy_60", 4, PERP_SIDE_BUY, walk_book_8, 20, 60, 12.75617,
     105064.291926965539, 105079, 0.789286},
    {"hyperliquid_1737918843893903000_sell_0.5", 4, PERP_SIDE_SELL, walk_book_9, 20, 0.5, 0.5,
     105055.000000000000, 105055, 0.000000},
    {"hyperliquid_1737918843893903000_sell_5", 4, PERP_SIDE_SELL, walk_book_9, 20, 5, 5,
     105053.323698000000, 105050, 0.159564},
    {"hyperliquid_1737918843893903000_sell_20", 4, PERP_SIDE_SELL, walk_book_9, 20, 20, 20,
     105045.588583000000, 105040, 0.895856},
    {"hyperliquid_1737918843893903000_sell_60", 4, PERP_SIDE_SELL, walk_book_9, 20, 60, 50.22923,
     105038.269630452229, 105030, 1.592534},
    {"hyperliquid_1737918869246864000_buy_1", 5, PERP_SIDE_BUY, walk_book_10, 20, 1, 1,
     105051.000000000000, 105051, 0.000000},
    {"hyperliquid_1737918869246864000_buy_10", 5, PERP_SIDE_BUY, walk_book_10, 20, 10, 10,
     105051.591185000000, 105056, 0.056276},
    {"hyperliquid_1737918869246864000_sell_1", 5, PERP_SIDE_SELL, walk_book_11, 20, 1, 1,
     105050.000000000000, 105050, 0.000000},
    {"hyperliquid_1737918869246864000_sell_10", 5, PERP_SIDE_SELL, walk_book_11, 20, 10, 10,
     105042.072982000000, 105040, 0.754595},
    {"binance-spot_1723161355000000000_buy_0.1", 6, PERP_SIDE_BUY, walk_book_12, 10, 0.1, 0.1,
     61783.730000000000, 61783.73, 0.000000},
    {"binance-spot_1723161355000000000_buy_2", 6, PERP_SIDE_BUY, walk_book_12, 10, 2, 0.87311,
     61783.846735577419, 61784.99, 0.018894},
    {"binance-spot_1723161355000000000_buy_10", 6, PERP_SIDE_BUY, walk_book_12, 10, 10, 0.87311,
     61783.846735577419, 61784.99, 0.018894},
    {"binance-spot_1723161355000000000_sell_0.1", 6, PERP_SIDE_SELL, walk_book_13, 10, 0.1, 0.1,
     61783.720000000000, 61783.72, 0.000000},
    {"binance-spot_1723161355000000000_sell_2", 6, PERP_SIDE_SELL, walk_book_13, 10, 2, 2,
     61783.720000000000, 61783.72, 0.000000},
    {"binance-spot_1723161355000000000_sell_10", 6, PERP_SIDE_SELL, walk_book_13, 10, 10, 8.9544,
     61782.914506667113, 61778.5, 0.130373},
    {"binance-usdm_1723161356000000000_buy_0.5", 7, PERP_SIDE_BUY, walk_book_14, 10, 0.5, 0.5,
     61765.241200000000, 61767.7, 0.039051},
    {"binance-usdm_1723161356000000000_buy_5", 7, PERP_SIDE_BUY, walk_book_14, 10, 5, 2.16,
     61767.617407407407, 61768.7, 0.423769},
    {"binance-usdm_1723161356000000000_buy_25", 7, PERP_SIDE_BUY, walk_book_14, 10, 25, 2.16,
     61767.617407407407, 61768.7, 0.423769},
    {"binance-usdm_1723161356000000000_sell_0.5", 7, PERP_SIDE_SELL, walk_book_15, 10, 0.5, 0.5,
     61764.900000000000, 61764.9, 0.000000},
    {"binance-usdm_1723161356000000000_sell_5", 7, PERP_SIDE_SELL, walk_book_15, 10, 5, 5,
     61764.900000000000, 61764.9, 0.000000},
    {"binance-usdm_1723161356000000000_sell_25", 7, PERP_SIDE_SELL, walk_book_15, 10, 25, 12.432,
     61762.641843629344, 61760.3, 0.365605},
    {"binance-coinm_1723161357000000000_buy_100", 8, PERP_SIDE_BUY, walk_book_16, 10, 100, 100,
     61763.800000000000, 61763.8, 0.000000},
    {"binance-coinm_1723161357000000000_buy_2000", 8, PERP_SIDE_BUY, walk_book_16, 10, 2000, 2000,
     61763.851750000000, 61765, 0.008379},
    {"binance-coinm_1723161357000000000_buy_20000", 8, PERP_SIDE_BUY, walk_book_16, 10, 20000, 2419,
     61764.455353451840, 61772.6, 0.106106},
    {"binance-coinm_1723161357000000000_sell_100", 8, PERP_SIDE_SELL, walk_book_17, 10, 100, 100,
     61763.700000000000, 61763.7, 0.000000},
    {"binance-coinm_1723161357000000000_sell_2000", 8, PERP_SIDE_SELL, walk_book_17, 10, 2000, 1521,
     61762.299737015122, 61756.9, 0.226713},
    {"binance-coinm_1723161357000000000_sell_20000", 8, PERP_SIDE_SELL, walk_book_17, 10, 20000,
     1521, 61762.299737015122, 61756.9, 0.226713},
};

#endif
