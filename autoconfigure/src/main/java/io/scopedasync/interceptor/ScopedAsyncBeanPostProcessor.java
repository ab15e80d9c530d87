package io.scopedasync.interceptor;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncScopes;

import org.springframework.aop.Advisor;
import org.springframework.aop.framework.Advised;
import org.springframework.aop.framework.AopConfigException;
import org.springframework.aop.framework.AopInfrastructureBean;
import org.springframework.aop.framework.autoproxy.AbstractBeanFactoryAwareAdvisingPostProcessor;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;
import org.springframework.aop.support.AopUtils;
import org.springframework.aop.support.DefaultPointcutAdvisor;
import org.springframework.aop.target.EmptyTargetSource;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.cache.interceptor.BeanFactoryCacheOperationSourceAdvisor;
import org.springframework.core.Ordered;
import org.springframework.util.Assert;

/**
 * Puts beans with {@link io.scopedasync.annotation.ScopedAsync @ScopedAsync} methods
 * behind a proxy, and checks all of these methods while the application starts. Needs no
 * AspectJ.
 */
@SuppressWarnings("serial")
public final class ScopedAsyncBeanPostProcessor extends AbstractBeanFactoryAwareAdvisingPostProcessor
		implements SmartInitializingSingleton {

	/**
	 * The order of this post-processor and of its advice: before those of
	 * {@code @Retryable}, {@code @ConcurrencyLimit} and {@code @Async}, which put their
	 * advice around what they find.
	 */
	public static final int DEFAULT_ORDER = Ordered.LOWEST_PRECEDENCE - 100;

	private final ObjectProvider<AsyncScopes> scopes;

	private @Nullable ScopedMethods methods;

	/** Methods of singletons, whose resources may not exist yet. */
	private final Queue<Check> pending = new ConcurrentLinkedQueue<>();

	private final Set<Class<?>> checked = ConcurrentHashMap.newKeySet();

	private volatile boolean singletonsInstantiated;

	/**
	 * Creates the post-processor. Nothing is looked up before it is needed.
	 * @param scopes opens the scopes
	 */
	public ScopedAsyncBeanPostProcessor(ObjectProvider<AsyncScopes> scopes) {
		this.scopes = scopes;
		setOrder(DEFAULT_ORDER);
	}

	@Override
	public void setBeanFactory(BeanFactory beanFactory) {
		super.setBeanFactory(beanFactory);
		Assert.isInstanceOf(ConfigurableListableBeanFactory.class, beanFactory);
		this.methods = new ScopedMethods((ConfigurableListableBeanFactory) beanFactory, this.scopes);
		this.advisor = new DefaultPointcutAdvisor(new ScopedAsyncPointcut(), this.methods);
	}

	@Override
	public Object postProcessAfterInitialization(Object bean, String beanName) {
		if (bean instanceof AopInfrastructureBean) {
			return bean;
		}
		Class<?> targetClass = AopUtils.getTargetClass(bean);
		if (bean instanceof Advised advised && !advised.isFrozen() && isEligible(targetClass)) {
			insert(advised);
			check(targetClass, bean, beanName);
			return bean;
		}
		Object proxy = proxy(bean, beanName);
		if (proxy != bean) {
			check(targetClass, proxy, beanName);
		}
		return proxy;
	}

	private Object proxy(Object bean, String beanName) {
		try {
			return super.postProcessAfterInitialization(bean, beanName);
		}
		catch (AopConfigException ex) {
			for (AnnotatedMethod annotated : AnnotatedMethod.all(bean.getClass(), beanName)) {
				throw Interceptability.noProxy(annotated, bean.getClass(), ex);
			}
			throw ex;
		}
	}

	/**
	 * Inside of what has an order of its own and of caches, so that who is refused or
	 * served by a cache acquires nothing; outside of the rest, so that transactions begin
	 * and end within the scope.
	 */
	private void insert(Advised advised) {
		Advisor[] existing = advised.getAdvisors();
		// Without a target, the last advice is the one that answers.
		boolean targetless = advised.getTargetSource() == EmptyTargetSource.INSTANCE;
		int position = (targetless && existing.length > 0) ? existing.length - 1 : existing.length;
		while (position > 0 && !staysOutside(existing[position - 1])) {
			position--;
		}
		Assert.state(this.advisor != null, "No bean factory");
		advised.addAdvisor(position, this.advisor);
		for (int i = 0; i < position; i++) {
			if (existing[i] == ExposeInvocationInterceptor.ADVISOR) {
				// AspectJ advice inside of ours may run on another thread, and asks its
				// own for the invocation.
				advised.addAdvisor(position + 1, ExposeInvocationInterceptor.ADVISOR);
				return;
			}
		}
	}

	private boolean staysOutside(Advisor advisor) {
		if (advisor == ExposeInvocationInterceptor.ADVISOR) {
			return false;
		}
		return advisor instanceof BeanFactoryCacheOperationSourceAdvisor
				|| (advisor instanceof Ordered ordered && ordered.getOrder() < getOrder());
	}

	private void check(Class<?> targetClass, Object proxy, String beanName) {
		if (!this.checked.add(targetClass)) {
			return;
		}
		Interceptability interceptability = new Interceptability(proxy);
		for (AnnotatedMethod annotated : AnnotatedMethod.all(targetClass, beanName)) {
			interceptability.check(annotated);
			this.pending.add(new Check(annotated, targetClass));
		}
		if (this.singletonsInstantiated) {
			checkPending();
		}
	}

	@Override
	public void afterSingletonsInstantiated() {
		this.singletonsInstantiated = true;
		checkPending();
	}

	private void checkPending() {
		Assert.state(this.methods != null, "No bean factory");
		for (Check check = this.pending.poll(); check != null; check = this.pending.poll()) {
			this.methods.get(check.annotated(), check.targetClass());
		}
	}

	private record Check(AnnotatedMethod annotated, Class<?> targetClass) {

	}

}
