//! `fanpiao user`: the way to the first administrator, and back in for one who has lost the second factor.

use std::io::Read;
use std::process::ExitCode;

use kernel::{
    AccountName, AddMember, Command, FactorCommand, NewGrant, Note, Outcome, Profile, Refusal, ResetFactor, RoleCode,
    RoleGrant, RoleScope, Scope,
};
use service::{Failure, Request, Service, WeakPassword, hash_password, uuid};

use crate::arguments::{ResetSecondFactorArguments, UserAddArguments};
use crate::config::Config;
use crate::{Problem, compose};

pub(crate) async fn add(arguments: &UserAddArguments, config: Config) -> Result<ExitCode, Problem> {
    let mut password = String::new();
    let read = std::io::stdin().take(4096).read_to_string(&mut password);
    read.map_err(|error| format!("the password cannot be read: {error}"))?;
    let password = password.trim_end_matches(['\r', '\n']);
    let service = compose::start_service(&config).await?;
    let added = add_user(&service, arguments, password).await;
    service.stop().await;
    let member = added?;
    say!("{} is added as {} ({member})", arguments.account, arguments.role.as_str());
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn reset_second_factor(
    arguments: &ResetSecondFactorArguments,
    config: Config,
) -> Result<ExitCode, Problem> {
    let account = AccountName::try_from(arguments.account.clone()).map_err(|error| format!("--account: {error}"))?;
    let reason = Note::try_from(arguments.reason.clone()).map_err(|error| format!("--reason: {error}"))?;
    let service = compose::start_service(&config).await?;
    let reset = reset(&service, &account, reason).await;
    service.stop().await;
    reset?;
    say!("{} signs in with the password alone, or is led to setting a second factor up", arguments.account);
    Ok(ExitCode::SUCCESS)
}

async fn reset(service: &Service, account: &AccountName, reason: Note) -> Result<(), Problem> {
    let found = store::queries::members::credential(service.store(), account).await;
    let (member, _) = found.map_err(|error| error.to_string())?.ok_or("nobody signs in with this account")?;
    let command = Command::Factor(FactorCommand::ResetFactor(ResetFactor { member, reason }));
    match service.run(Request::by_house(command)).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(Refusal::FactorOff)) => Err("no second factor is on".to_owned()),
        Err(failure) => Err(format!("not reset: {failure:?}")),
    }
}

async fn scope_of(service: &Service, code: RoleCode) -> Result<RoleScope, Problem> {
    let roles = store::queries::roles::all(service.store()).await.map_err(|error| error.to_string())?;
    let found = roles.iter().find(|role| role.code == code).map(|role| role.scope);
    found.ok_or_else(|| {
        let known: Vec<_> = roles.iter().map(|role| role.code.as_str()).collect();
        format!("there is no role {code}; the roles are {}", known.join(", "))
    })
}

async fn add_user(
    service: &Service,
    arguments: &UserAddArguments,
    password: &str,
) -> Result<kernel::MemberId, Problem> {
    let weakness = service.weakness(password, &arguments.account).await;
    let problem = weakness.map_err(|failure| format!("{failure:?}"))?.map(|weak| match weak {
        WeakPassword::Length => {
            let (shortest, longest) = (WeakPassword::SHORTEST, WeakPassword::LONGEST);
            format!("a password has {shortest} to {longest} characters, this one has {}", password.chars().count())
        }
        WeakPassword::TooUniform => "the password is made of too few different characters".to_owned(),
        WeakPassword::Sequence => "the password mostly goes along the alphabet, the digits or the keyboard".to_owned(),
        WeakPassword::LikeAccount => "the password is little more than the name of the account".to_owned(),
        WeakPassword::Leaked => "the password is on the list of leaked ones, which others try first".to_owned(),
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    let text = |what: &str, error: kernel::InvalidText| format!("{what}: {error}");
    let account = AccountName::try_from(arguments.account.clone()).map_err(|error| text("--account", error))?;
    let department = arguments.department.clone().map(kernel::DepartmentCode::try_from).transpose();
    let department = department.map_err(|error| text("--department", error))?;
    let store = arguments.store.clone().map(kernel::StoreCode::try_from).transpose();
    let store = match store.map_err(|error| text("--store", error))? {
        Some(code) => {
            let found = store::queries::cabinets::store_by_code(service.store(), &code).await;
            let found = found.map_err(|error| error.to_string())?;
            Some(found.ok_or("there is no store with this code")?.id)
        }
        None => None,
    };
    let role = arguments.role;
    let grant = match scope_of(service, role).await? {
        RoleScope::Store => NewGrant::As(RoleGrant { role, scope: store.map_or(Scope::Everywhere, Scope::Store) }),
        _ if store.is_some() => return Err(format!("{role} is not held in a store, so it has no --store")),
        RoleScope::Department if department.is_none() => {
            return Err(format!("{role} is held in a department, so it needs --department"));
        }
        RoleScope::Department => NewGrant::InOwnDepartment(role),
        RoleScope::House => NewGrant::As(RoleGrant { role, scope: Scope::Everywhere }),
    };
    let nickname = arguments.nickname.clone().unwrap_or_else(|| arguments.account.clone());
    let command = Command::AddMember(AddMember {
        profile: Profile { uid: uuid(service.ambient()), nickname },
        account: Some(account),
        password_hash: Some(hash_password(service.ambient(), password.to_owned()).await),
        openid: None,
        department,
        overdraft_limit: None,
        grants: vec![grant],
    });
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Member { member }) => Ok(member.id),
        Ok(other) => Err(format!("unexpected answer: {other:?}")),
        Err(Failure::Refused(Refusal::AccountTaken { .. })) => {
            Err(format!("the account {:?} exists already", arguments.account))
        }
        Err(Failure::Refused(Refusal::NotFound { noun: kernel::Noun::Department })) => {
            Err("there is no department with this code".to_owned())
        }
        Err(failure) => Err(format!("not added: {failure:?}")),
    }
}
