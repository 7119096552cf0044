//! Sessions, API keys and the probe.

use std::sync::Arc;

use shouyin_core::api_key::ApiKey;
use shouyin_core::id::Appid;
use shouyin_core::ports::Store;
use shouyin_core::session::Session;

use crate::sample::*;

pub(crate) async fn a_session_is_found_by_its_token(store: Arc<dyn Store>) {
    let stored = session("token-1", "code-1", 0);
    store.put_session(stored.clone()).await.unwrap();
    let found = store.session("token-1".into()).await.unwrap();
    assert_eq!(found, Some(stored.clone()));
    assert_eq!(store.session("token-2".into()).await.unwrap(), None);
    let thief = Session {
        code_hash: "code-9".into(),
        ..stored.clone()
    };
    assert_conflict(&store.put_session(thief).await);
    let found = store.session("token-1".into()).await.unwrap();
    assert_eq!(found, Some(stored));
}

pub(crate) async fn the_newest_session_of_a_login_code_is_found(store: Arc<dyn Store>) {
    for (token, n) in [("token-b", 5), ("token-a", 3), ("token-c", 4)] {
        store
            .put_session(session(token, "code-1", n))
            .await
            .unwrap();
    }
    store
        .put_session(session("token-d", "code-2", 9))
        .await
        .unwrap();
    let by_code = |appid, code: &str| store.session_by_code(appid, code.into());
    let found = by_code(appid(), "code-1").await.unwrap();
    assert_eq!(found, Some(session("token-c", "code-1", 4)));
    assert_eq!(by_code(appid(), "code-3").await.unwrap(), None);
    let other_app = Appid::parse("wxffffffffffffffff").unwrap();
    assert_eq!(by_code(other_app, "code-1").await.unwrap(), None);
}

pub(crate) async fn sessions_that_ended_are_deleted(store: Arc<dyn Store>) {
    for (token, n) in [("token-1", 0), ("token-2", 1), ("token-3", 2)] {
        store.put_session(session(token, token, n)).await.unwrap();
    }
    assert_eq!(store.delete_ended_sessions(at(999)).await.unwrap(), 0);
    assert_eq!(store.delete_ended_sessions(at(1001)).await.unwrap(), 2);
    assert_eq!(store.delete_ended_sessions(at(1001)).await.unwrap(), 0);
    assert_eq!(store.session("token-2".into()).await.unwrap(), None);
    let by_code = store.session_by_code(appid(), "token-1".into()).await;
    assert_eq!(by_code.unwrap(), None);
    let left = store.session("token-3".into()).await.unwrap();
    assert_eq!(left, Some(session("token-3", "token-3", 2)));
}

pub(crate) async fn an_api_key_speaks_for_one_merchant(store: Arc<dyn Store>) {
    store.put_api_key(api_key("aa")).await.unwrap();
    store.put_api_key(api_key("bb")).await.unwrap();
    let renamed = ApiKey {
        name: "till 2".into(),
        created_at: at(50),
        ..api_key("aa")
    };
    store.put_api_key(renamed).await.unwrap();
    let stolen = ApiKey {
        mchid: other_mchid(),
        ..api_key("aa")
    };
    assert_conflict(&store.put_api_key(stolen).await);
    let expected = ApiKey {
        name: "till 2".into(),
        ..api_key("aa")
    };
    assert_eq!(store.api_key("aa".into()).await.unwrap(), Some(expected));
    let second = store.api_key("bb".into()).await.unwrap();
    assert_eq!(second, Some(api_key("bb")));
    assert_eq!(store.api_key("cc".into()).await.unwrap(), None);
}

pub(crate) async fn a_healthy_store_says_so(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
    store.ping().await.unwrap();
}
