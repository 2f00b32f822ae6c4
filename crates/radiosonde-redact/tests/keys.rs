//! Which keys are redacted, which are not, and how rules travel.

use proptest::prelude::*;
use radiosonde_redact::Rules;

#[test]
fn keys_that_hold_secrets() {
    let table = [
        ("authorization", "authorization"),
        ("Proxy-Authorization", "authorization"),
        ("http.request.header.authorization", "authorization"),
        ("api_key", "api_key"),
        ("apikey", "api_key"),
        ("APIKEY", "api_key"),
        ("apiKey", "api_key"),
        ("APIKey2", "api_key"),
        ("x-api-key", "api_key"),
        ("token", "token"),
        ("access_token", "token"),
        ("refreshToken", "token"),
        ("csrf token", "token"),
        ("access_tokens", "token"),
        ("password", "password"),
        ("passWord", "password"),
        ("PASSWORD", "password"),
        ("db.password1", "password"),
        ("user_password_hash", "password"),
        ("passwd", "password"),
        ("pwd", "password"),
        ("secret", "secret"),
        ("client_secret", "secret"),
        ("AWSSecretAccessKey", "secret"),
        ("cookie", "cookie"),
        ("Set-Cookie", "cookie"),
        ("private_key", "private_key"),
        ("ssh/private/key", "private_key"),
        ("aws_access_key", "access_key"),
        ("credential", "credential"),
        ("credentials", "credential"),
        ("password_reset_token", "password"),
        ("token_id_token", "token"),
        ("card-number", "card"),
        ("accesstoken", "token"),
        ("x-authtoken", "token"),
        ("REFRESHTOKEN", "token"),
        ("apitoken2", "token"),
        ("clientsecret", "secret"),
        ("userpassword", "password"),
        ("dbpassword", "password"),
        ("db_pass", "password"),
        ("SMTP_PASS", "password"),
        ("account_key", "access_key"),
        ("Ocp-Apim-Subscription-Key", "api_key"),
        ("totp", "password"),
        ("user.otp", "password"),
        ("wifi_psk", "secret"),
        ("\u{feff}password", "password"),
        ("pass\u{200b}word", "password"),
        ("db\u{a0}password", "password"),
    ];
    let rules = Rules::standard();
    for (key, rule) in table {
        assert_eq!(rules.rule_for_key(key), Some(rule), "{key}");
    }
}

#[test]
fn keys_that_do_not() {
    let keys = [
        "",
        "_",
        "author",
        "authority",
        "session_id",
        "tokenizer",
        "secretary",
        "max_tokens",
        "tokens_input",
        "usage.output_tokens",
        "token_count",
        "tokenCount",
        "token.expires_at",
        "token_type",
        "api_key_id",
        "apiKeyID",
        "key_id",
        "key",
        "secret_name",
        "password_length",
        "password_policy",
        "cookie_consent",
        "cookieConsent",
        "credential_id",
        "keyboard",
        "passenger",
        "bypass",
        "status",
        "пароль",
        "pass",
        "tests_pass",
        "passed",
        "db_passed",
        "compass",
        "auth",
        "oauth_state",
        "otp_release",
        "psk_identity",
        "account_key_id",
        "laptop",
        "options",
    ];
    let rules = Rules::standard();
    for key in keys {
        assert_eq!(rules.rule_for_key(key), None, "{key}");
    }
}

#[test]
fn own_keys_and_exceptions() {
    let rules = Rules::standard()
        .with_key("tenant_pin")
        .with_key("token_count")
        .with_key("mot_de_passé")
        .with_key("contraseña")
        .with_key("--")
        .allow_key("cookie")
        .allow_key("X-Api-Key");
    let table = [
        ("tenantPin", Some("tenant_pin")),
        ("request.tenant-pin", Some("tenant_pin")),
        ("tenant_pin_length", None),
        ("token_count", Some("token_count")),
        ("MOT de passé", Some("mot_de_passé")),
        ("CONTRASEÑA", Some("contraseña")),
        ("contraseñas", None),
        ("cookie", None),
        ("Cookie", None),
        ("http.request.header.cookie", Some("cookie")),
        ("x_api_key", None),
        ("api_key", Some("api_key")),
        ("--", None),
    ];
    for (key, rule) in table {
        assert_eq!(rules.rule_for_key(key), rule, "{key}");
    }
}

#[test]
fn rules_survive_storage_and_refuse_another_version() {
    let rules = Rules::standard().with_key("tenant_pin").allow_key("cookie");
    let stored = serde_json::to_string(&rules).expect("plain data");
    assert_eq!(stored, r#"{"version":2,"keys":["tenant_pin"],"allow":["cookie"]}"#);
    assert_eq!(serde_json::from_str::<Rules>(&stored).expect("just written"), rules);

    let newer = serde_json::from_str::<Rules>(r#"{"version":3}"#).expect_err("unknown version");
    assert!(newer.to_string().contains("update it"), "{newer}");
    for damaged in ["", "{}", r#"{"version":1,"callback":true}"#] {
        assert!(serde_json::from_str::<Rules>(damaged).is_err(), "{damaged}");
    }
}

proptest! {
    #[test]
    fn any_key_gets_an_answer(key in "\\PC{0,40}", extra in "\\PC{0,10}") {
        let rules = Rules::standard().with_key(&extra).allow_key(&extra);
        let _rule = rules.rule_for_key(&key);
        // What the user allowed is kept, even when he also forbade it.
        prop_assert_eq!(rules.rule_for_key(&extra), None);
    }

    #[test]
    fn surroundings_do_not_hide_a_secret(before in "[a-z]{0,8}", after in "[0-9]{0,3}") {
        let rules = Rules::standard();
        let key = format!("{before}.password{after}");
        prop_assert_eq!(rules.rule_for_key(&key), Some("password"), "{}", key);
    }
}

#[test]
fn a_huge_key_is_answered_in_linear_time() {
    let rules = Rules::standard();
    let long = "t_p_a_s".repeat(20_000);
    assert_eq!(rules.rule_for_key(&long), None);
    assert_eq!(rules.rule_for_key(&format!("{long}.token")), Some("token"));
    let about = format!("{}count{}", "token_".repeat(10_000), "_".repeat(100_000));
    assert_eq!(rules.rule_for_key(&about), None);
}
